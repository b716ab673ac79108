"""What the data files say in words is fit to be published: sentences, no leftovers of a program."""

import json
import re
from collections.abc import Iterator
from importlib import resources
from typing import Any

import pytest

from kcproxy import catalog

_LEFTOVER = re.compile(r"\{'|': |\[\]|Traceback|Unexpected:|Error:|None\b|\b(objects|read|alone|own)-z[0-9a-z]{5}z|https?://localhost")
MEASURED = tuple(version for version in catalog.versions() if version != "26.8")


def _document(version: str) -> dict[str, Any]:
    text = (resources.files("kcproxy.catalog") / "data" / f"{version}.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def _words(document: dict[str, Any]) -> Iterator[str]:
    yield from document.get("notes", ())
    for row in document["operations"]:
        yield from (row[key] for key in ("notes", "undetermined") if key in row)
        for part in (row, row.get("master", {}), *row.get("variants", ())):
            yield from part.get("reduced", {}).values()
            yield from (part[key] for key in ("says",) if key in part)


@pytest.mark.parametrize("version", catalog.versions())
def test_words_are_no_leftovers_of_a_program(version: str) -> None:
    found = [words for words in _words(_document(version)) if _LEFTOVER.search(words)]
    assert found == []


@pytest.mark.parametrize("version", MEASURED)
def test_what_no_role_of_a_realm_opens_names_the_role_of_master_that_does(version: str) -> None:
    rows = {f"{row['method']} {row['path']}": row for row in _document(version)["operations"]}
    assert rows["POST /admin/realms"]["anyOf"] == []
    assert rows["POST /admin/realms"]["masterRealmRoles"] == [["create-realm"]]
    closed_to_master = [name for name, row in rows.items() if row.get("master", {}).get("anyOf") == [] and "masterRealmRoles" not in row]
    # 24.0 reads the console's token as one of the realm in the path: no role makes up for that.
    of_the_realm_alone = ("/workflows/migrate", "/console/whoami")
    assert [name for name in closed_to_master if not name.endswith(of_the_realm_alone)] == []


@pytest.mark.parametrize("version", MEASURED)
def test_less_than_two_percent_are_undetermined(version: str) -> None:
    rows = _document(version)["operations"]
    assert sum("undetermined" in row for row in rows) < 0.02 * len(rows)


@pytest.mark.parametrize("version", MEASURED)
def test_no_special_case_is_left_out_because_it_could_not_be_measured(version: str) -> None:
    rows = _document(version)["operations"]
    assert [row["path"] for row in rows if "not measured" in row.get("notes", "")] == []
    (export,) = [row for row in rows if row["path"].endswith("/partial-export")]
    cases = {variant["id"]: variant for variant in export["variants"]}
    both, *single = (cases[f"export{flags}-true"] for flags in ("clients-exportgroupsandroles", "clients", "groupsandroles"))
    for case in single:
        assert all(any(set(roles) <= set(more) for roles in case["anyOf"]) for more in both["anyOf"])
