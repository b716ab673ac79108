"""An existing data file: which of its operations to measure again, and which of its lines stay."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tools.measure.run import Task
from tools.measure.writer import NOT_MEASURED

FIXTURES_GREW = re.compile(
    r"evaluate-scopes/scope-mappings|/scope-mappings/clients/\{[^}]+\}/available|/ui-ext/effective-roles|/client-policies/"
    r"|/default-groups|/groups/\{[^}]+\}/children |/groups |/group-by-path/|partial-export|^GET /admin/realms(/\{realm\})? |role-mappings "
)
"""Readings that the latest fixtures of the shared realm show more in."""

Row = Mapping[str, Any]


def name_of(row: Row) -> tuple[str, str, str]:
    """What names a line of the data file."""
    return row["method"], row["path"], row.get("body", "")


def renewed(document: Mapping[str, Any], tasks: Sequence[Task]) -> list[Task]:
    """The tasks of the operations that are worth measuring again: readings with reduced responses, and those whose fixtures grew."""
    rows = {(row["method"], row["path"]): row for row in document["operations"]}
    return [task for task in tasks if _is_worth_it(rows.get((task.operation.method, task.operation.path)), task)]


def _is_worth_it(row: Row | None, task: Task) -> bool:
    if task.operation.method != "GET" and "partial-export" not in task.operation.path:
        return False
    if row is None or "undetermined" in row or FIXTURES_GREW.search(task.operation.key):
        return True
    return any(_is_thin(part) for part in (row, row.get("master", {}), *row.get("variants", ())))


def _is_thin(part: Row) -> bool:
    return bool(part.get("reduced")) or part.get("anyOf") != part.get("admits")


def merged(document: Mapping[str, Any], measured: Sequence[Row]) -> list[dict[str, Any]]:
    """The lines of the new file: those measured now, the rest as they were."""
    known = {name_of(row): row for row in document["operations"]}
    return [dict(row if row.get("undetermined") != NOT_MEASURED else known.get(name_of(row), row)) for row in measured]
