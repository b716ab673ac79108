"""Reads a record of use: read-only, also while a proxy writes it or after one was killed."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from kcproxy.model import CallerKind
from kcproxy.observe.use_history import DAY_SECONDS, check_format
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
        callers = {row[0]: _caller(row) for row in rows}
        roles = {callers[row[0]]: _roles(row) for row in rows if row[5] is not None}
        uses = tuple(_use(callers[row[0]], row) for row in connection.execute(_USES, (since,)) if row[0] in callers)
        days = frozenset(day for (day,) in connection.execute("SELECT day FROM days WHERE day >= ?", (since,)))
    seen = {use.caller for use in uses}
    return UseRecord(uses=uses, roles={caller: named for caller, named in roles.items() if caller in seen}, days=days)


def _caller(row: tuple[Any, ...]) -> UseCaller:
    _, client, token_realm, kind, injected, *_ = row
    known = CallerKind(kind) if kind in set(CallerKind) else CallerKind.UNKNOWN
    return UseCaller(client=str(client), token_realm=str(token_realm), kind=known, injected=bool(injected))


def _use(caller: UseCaller, row: tuple[Any, ...]) -> Use:
    _, realm, operation, variant, *numbers, first_at, last_at = row
    counts = {outcome: number for outcome, number in zip(Outcome, numbers, strict=True) if number}
    return Use(caller=caller, realm=realm or None, operation=operation, variant=variant, counts=counts, first_at=first_at, last_at=last_at)


def _roles(row: tuple[Any, ...]) -> NamedRoles:
    try:
        found = json.loads(row[5])
    except (ValueError, TypeError, RecursionError):
        found = None
    owners = found if isinstance(found, dict) else {}
    by_owner = {owner: tuple(map(str, roles)) for owner, roles in owners.items() if isinstance(roles, list)}
    return NamedRoles(by_owner=by_owner, seen_at=row[6] or 0.0)
