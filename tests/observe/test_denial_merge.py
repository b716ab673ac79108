"""Lists of several instances become one, by the kind of denial."""

from typing import Any

import pytest

from kcproxy.observe.denials.merge import merged


def kind(last: str = "10:00", *, group: str = "g", **changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "group": group, "id": f"d-{last}", "count": 2, "firstAt": at("09:00"), "lastAt": at(last), "resolvedAt": None, "state": "fails",
        "changes": [{"at": at("09:00"), "to": "role-missing"}], "hours": [0] * 22 + [1, 1],
    }  # fmt: skip
    return {**values, **changes}


def at(clock: str) -> str:
    return f"2026-11-23T{clock}:00Z"


def test_counts_and_hours_are_added_and_the_newest_denial_is_shown() -> None:
    (one,) = merged({"b": [kind("12:00")], "a": [kind("10:00", firstAt=at("08:00"))]})
    assert (one["id"], one["count"], one["firstAt"], one["instances"]) == ("d-12:00", 4, at("08:00"), ["a", "b"])
    assert one["hours"][-4:] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("resolved", "other_last", "state"),
    [("11:00", "10:00", "fixed"), ("11:00", "12:00", "regressed"), (None, "12:00", "fails")],
)
def test_the_last_event_of_all_instances_decides_the_state(resolved: str | None, other_last: str, state: str) -> None:
    changes = [{"at": at("09:00"), "to": "role-missing"}, *([{"at": at(resolved), "to": "fixed"}] if resolved else [])]
    seen = kind("10:00", resolvedAt=at(resolved) if resolved else None, changes=changes)
    (one,) = merged({"a": [seen], "b": [kind(other_last)]})
    assert one["state"] == state
    assert (one["resolvedAt"] is None) == (state != "fixed")
    assert [change["to"] for change in one["changes"]] == ["role-missing", *(["fixed"] if resolved else [])]


def test_kinds_of_one_instance_only_stay_as_they_are() -> None:
    found = merged({"a": [kind(group="x"), kind("11:00", group="y")], "b": []})
    assert [(one["group"], one["count"], one["instances"]) for one in found] == [("y", 2, ["a"]), ("x", 2, ["a"])]
