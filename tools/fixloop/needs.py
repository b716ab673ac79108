"""The committed table for each call of the loop, read directly from the data file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.measure.run import Task, admin_roles_named, tasks_of
from tools.measure.sets import RoleSet
from tools.measure.stage import Version

DATA = Path(__file__).resolve().parents[2] / "kcproxy" / "catalog" / "data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One line of the table, or one of its variants.

    `any_of` are the minimal sets that get the full answer, `admits` those that are let in, `refusal` the status of a refusal. A `hidden`
    need depends on what only Keycloak knows (whether the user in the path is an administrator): then `visible` is what the request shows.
    `useful` are the minimal sets whose answer is full or lacks only named fields.
    """

    any_of: frozenset[RoleSet]
    admits: frozenset[RoleSet]
    useful: frozenset[RoleSet] = frozenset()
    refusal: int = 403
    undetermined: str = ""
    hidden: bool = False
    visible: "Need | None" = None
    in_words: str = ""

    @property
    def shown(self) -> "Need":
        """What an explanation can know without look-ups."""
        return self.visible or self

    @property
    def open_to_all(self) -> bool:
        """Whether no role is needed for the full response."""
        return frozenset() in self.any_of

    @property
    def lets_all_in(self) -> bool:
        """Whether a caller without roles gets a response, if a reduced one."""
        return frozenset() in self.admits

    @property
    def closed(self) -> bool:
        """Whether no role of the realm opens it."""
        return not self.any_of and not self.admits


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One call of the loop: how it is made, and what the table says of it."""

    task: Task
    need: Need

    @property
    def key(self) -> str:
        """Its key in the journal."""
        return self.task.key

    @property
    def name(self) -> str:
        """Its name for readers: method, path, and the words of the variant."""
        operation = self.task.operation
        words = [operation.method, operation.path, *([f"({operation.body})"] if operation.body else [])]
        return " ".join([*words, *([self.task.spec.says] if self.task.spec.says else [])])


def cases_of(version: str, pattern: str = "", data: Path = DATA) -> list[Case]:
    """Every operation of the version, and each of its variants that the table keeps because it needs other roles."""
    table = json.loads((data / f"{version}.json").read_text())
    rows = _rows(table["operations"])
    found: list[Case] = []
    for task in tasks_of(Version(text=version), pattern):
        row = _row(rows, task)
        need = need_of(row, task) if row is not None else None
        if need is not None and all(role in table["roles"] for role in admin_roles_named(task.spec)):
            found.append(Case(task=task, need=need))
    return found


def _rows(operations: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    rows: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in operations:
        rows.setdefault((row["method"], row["path"]), []).append(row)
    return rows


def _row(rows: Mapping[tuple[str, str], Sequence[Mapping[str, Any]]], task: Task) -> Mapping[str, Any] | None:
    """The line with the task's handler; if several handlers share one line, that line."""
    operation = task.operation
    same = rows.get((operation.method, operation.path), ())
    by_handler = [row for row in same if row["handler"] == operation.handler]
    by_body = [row for row in same if row.get("body", operation.body) == operation.body]
    return next(iter([*by_handler, *by_body]), None)


def need_of(row: Mapping[str, Any], task: Task) -> Need | None:
    """The need of a task by its line; None for a variant that the table does not keep, because it needs nothing else."""
    plain = _need(row, row)
    if not task.spec.variant:
        return plain
    for variant in row.get("variants", ()):
        if _is_variant(variant, task):
            hidden = "target" in variant["when"]
            return _need(variant, row, visible=_visible(row, variant) if hidden else None, hidden=hidden)
    return None


def _visible(row: Mapping[str, Any], hidden: Mapping[str, Any]) -> Need:
    """What the request of a hidden variant shows: the variant with the same conditions except the target, otherwise the plain line."""
    shown = {key: value for key, value in hidden["when"].items() if key != "target"}
    same = (variant for variant in row["variants"] if shown and variant["when"] == shown)
    return _need(next(same, row), row)


def _is_variant(variant: Mapping[str, Any], task: Task) -> bool:
    names = variant["when"].get("bodyHasAny", {}).get("name", ())
    return variant["id"] == task.spec.variant or any(role in names for role in admin_roles_named(task.spec))


def _need(source: Mapping[str, Any], row: Mapping[str, Any], *, visible: Need | None = None, hidden: bool = False) -> Need:
    return Need(
        any_of=frozenset(map(frozenset, source.get("anyOf", ()))),
        admits=frozenset(map(frozenset, source.get("admits", ()))),
        useful=frozenset(map(frozenset, source.get("useful", source.get("anyOf", ())))),
        refusal=source.get("refusal", 403),
        undetermined=row.get("undetermined", ""),
        hidden=hidden,
        visible=visible,
        in_words=source.get("says", "") or row.get("notes", ""),
    )
