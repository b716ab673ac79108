"""Reads a record of use: read-only, also while a proxy writes it or after one was killed."""

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from kcproxy.model import CallerKind
from kcproxy.observe.use_history import check_format
from kcproxy.observe.use_places import DAY_SECONDS
from kcproxy.usage.model import NamedRoles, Outcome, Use, UseCaller, UseRecord

_USES = """
SELECT caller, realm, operation, variant, sum("full"), sum(reduced), sum(refused), sum(error), min(first_at), max(last_at)
FROM uses WHERE day >= ? GROUP BY caller, realm, operation, variant ORDER BY caller, realm, operation, variant
"""


def read_record(path: Path, *, since_epoch_seconds: float = 0.0) -> UseRecord:
    """The record from the day of ``since_epoch_seconds`` on. Raises sqlite3.Error if the file is no record, or is damaged."""
    since = int(since_epoch_seconds // DAY_SECONDS)
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=5)) as connection:
        check_format(connection, path)
        rows = connection.execute("SELECT id, client, token_realm, kind, injected, roles, roles_at FROM callers").fetchall()
        callers = {row[0]: caller_of(row) for row in rows}
        roles = {callers[row[0]]: roles_of(row) for row in rows if row[5] is not None}
        uses = tuple(use_of(callers[row[0]], row) for row in connection.execute(_USES, (since,)) if row[0] in callers)
        days = frozenset(day for (day,) in connection.execute("SELECT day FROM days WHERE day >= ?", (since,)))
    seen = {use.caller for use in uses}
    return UseRecord(uses=uses, roles={caller: named for caller, named in roles.items() if caller in seen}, days=days)


def caller_of(row: Sequence[Any]) -> UseCaller:
    """The caller of a row of the table of callers."""
    _, client, token_realm, kind, injected, *_ = row
    known = CallerKind(kind) if kind in set(CallerKind) else CallerKind.UNKNOWN
    return UseCaller(client=str(client), token_realm=str(token_realm), kind=known, injected=bool(injected))


def use_of(caller: UseCaller, row: Sequence[Any]) -> Use:
    """The calls of a row of sums."""
    _, realm, operation, variant, *numbers, first_at, last_at = row
    counts = {outcome: number for outcome, number in zip(Outcome, numbers, strict=True) if number}
    return Use(caller=caller, realm=realm or None, operation=operation, variant=variant, counts=counts, first_at=first_at, last_at=last_at)


def roles_of(row: Sequence[Any]) -> NamedRoles:
    """The roles of a row of the table of callers. Those that cannot be read count as none."""
    try:
        found = json.loads(row[5])
    except (ValueError, TypeError, RecursionError):
        found = None
    owners = found if isinstance(found, dict) else {}
    by_owner = {owner: tuple(map(str, roles)) for owner, roles in owners.items() if isinstance(roles, list)}
    return NamedRoles(by_owner=by_owner, seen_at=row[6] or 0.0)
