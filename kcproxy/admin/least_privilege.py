"""The page *Least privilege*: every recorded caller, what it holds against what it used, and the commands that lead to the least roles.

The record is read from its file or database, in a thread, for each view. The audit is made only for the callers that are shown.
"""

import asyncio
import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import web
from yarl import URL

from kcproxy.admin import templates as render
from kcproxy.admin.auth import is_signed_in
from kcproxy.admin.explain_form import OBSERVER, html
from kcproxy.catalog import Catalog
from kcproxy.errors import HistoryUnusable
from kcproxy.settings import HistorySettings, Settings
from kcproxy.usage.audit import Audit, audits
from kcproxy.usage.changes import changes_of
from kcproxy.usage.combine import restricted
from kcproxy.usage.document import caller_document
from kcproxy.usage.exchange import record_document
from kcproxy.usage.model import UseCaller, UseRecord
from kcproxy.usage.window import DAY_SECONDS, Window, window_of

if TYPE_CHECKING:
    from kcproxy.observe.denials.document import Document

MAX_CALLERS = 100
DAYS = (7, 30, 90)
_DEFAULT_DAYS = 30
_RECORD: web.AppKey["_RecordFile"] = web.AppKey("record_of_use")
_NO_RECORD = (
    "There is no record of use. Set use.path, or history.path, in the settings: then the proxy records which caller uses which operation."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was read: the record within the window, and the table that judges it."""

    catalog: Catalog
    record: UseRecord
    window: Window

    @property
    def callers(self) -> list[UseCaller]:
        """Every recorded caller, sorted."""
        return sorted({use.caller for use in self.record.uses}, key=_order)

    def audits_of(self, callers: Sequence[UseCaller]) -> tuple[Audit, ...]:
        """The audits of these callers only."""
        return audits(self.catalog, restricted(self.record, frozenset(callers)))


class _RecordFile:
    """Reads the record, one request at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._one_at_a_time = asyncio.Lock()

    async def whole(self, since: float) -> "UseRecord | str":
        """The record since a time. A sentence if it cannot be read."""
        async with self._one_at_a_time:
            return await asyncio.to_thread(self._record, since)

    async def audited(self, catalog: Catalog, days: int, callers: "Chosen") -> "tuple[Reading, list[UseCaller], tuple[Audit, ...]] | str":
        """The reading, all callers that were chosen, and the audits of the first of them. A sentence if the record cannot be read."""
        async with self._one_at_a_time:
            return await asyncio.to_thread(self._audited, catalog, days, callers)

    def _audited(self, catalog: Catalog, days: int, callers: "Chosen") -> "tuple[Reading, list[UseCaller], tuple[Audit, ...]] | str":
        now, seconds = time.time(), float(days * DAY_SECONDS)
        record = self._record(now - seconds)
        if isinstance(record, str):
            return record
        reading = Reading(catalog=catalog, record=record, window=window_of(record, since_seconds=seconds, now_epoch_seconds=now))
        chosen = [caller for caller in reading.callers if callers.has(caller)]
        return reading, chosen, reading.audits_of(chosen[:MAX_CALLERS])

    def _record(self, since: float) -> UseRecord | str:
        """The record, or a sentence that says why there is none."""
        path = self._settings.use_path
        if path is None:
            return _of_database(self._settings.history, since)
        import sqlite3  # noqa: PLC0415 - only a process with a record needs SQLite

        from kcproxy.observe.use_reader import read_record  # noqa: PLC0415 - the same

        try:
            return read_record(path, since_epoch_seconds=since)
        except sqlite3.Error as error:
            return f"The record of use cannot be read: {error}"


def _of_database(history: HistorySettings, since: float) -> UseRecord | str:
    if history.url is None:
        return _NO_RECORD
    from kcproxy.observe.shared.reading import read_record  # noqa: PLC0415 - only a process with a database has its client

    try:
        return read_record(history, since_epoch_seconds=since)
    except HistoryUnusable as error:
        return f"The record of use cannot be read: {error}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which callers are shown: those that contain all words of a search, or the one that an address names."""

    words: tuple[str, ...] = ()
    query: Mapping[str, str] | None = None

    def has(self, caller: UseCaller) -> bool:
        """Whether this caller is shown."""
        if self.query is not None:
            return all(self.query.get(name) == value for name, value in _query(caller).items())
        text = " ".join(_query(caller).values()).lower()
        return all(word in text for word in self.words)


def add_routes(app: web.Application, settings: Settings) -> None:
    """Add the routes of the page."""
    app[_RECORD] = _RecordFile(settings)
    app.router.add_get("/least-privilege", _list)
    app.router.add_get("/least-privilege/caller", _one)
    app.router.add_get("/api/use", _api)


async def _api(request: web.Request) -> web.Response:
    """The record since the time in ``since``, seconds since the epoch."""
    try:
        since = float(request.query.get("since", "0"))
    except ValueError:
        since = math.nan
    if not math.isfinite(since):
        return web.json_response({"error": "since is not a number of seconds since the epoch"}, status=400)
    record = await request.app[_RECORD].whole(since)
    if isinstance(record, str):
        return web.json_response({"error": record}, status=404 if record == _NO_RECORD else 503)
    body = await asyncio.to_thread(lambda: json.dumps(record_document(record)).encode())
    return web.Response(body=body, content_type="application/json")


async def _list(request: web.Request) -> web.Response:
    q, days = request.query.get("q", ""), _days(request)
    found = await _read(request, days, Chosen(words=tuple(q.lower().split())))
    if isinstance(found, web.Response):
        return found
    reading, chosen, shown = found
    rows = [_row(reading, audit, days) for audit in shown]
    return html(
        render.least_privilege_page(
            rows, window=reading.window.says, version=reading.catalog.version, q=q, days=days, choices=DAYS,
            hidden=len(chosen) - min(len(chosen), MAX_CALLERS),
            exceeded=(await asyncio.to_thread(request.app[OBSERVER].metrics.exceeded_limits))[:MAX_CALLERS], signed_in=is_signed_in(),
        )
    )  # fmt: skip


async def _one(request: web.Request) -> web.Response:
    days, username = _days(request), request.query.get("user", "").strip() or None
    found = await _read(request, days, Chosen(query=request.query))
    if isinstance(found, web.Response):
        return found
    reading, chosen, shown = found
    if not chosen:
        text = "The record has no such caller in this window. Callers are recorded from the first success of their token on."
        return html(render.message_page("Caller not found", text, signed_in=is_signed_in()), 404)
    parts = [caller_document(reading.catalog, reading.window, each, changes_of(reading.catalog, each, username=username)) for each in shown]
    return html(
        render.least_privilege_caller_page(
            parts, query=_query(chosen[0]), window=reading.window.says, version=reading.catalog.version, days=days, user=username or "",
            signed_in=is_signed_in(),
        )
    )  # fmt: skip


async def _read(request: web.Request, days: int, callers: Chosen) -> tuple[Reading, list[UseCaller], tuple[Audit, ...]] | web.Response:
    catalog, signed_in = request.app[OBSERVER].catalog, is_signed_in()
    if catalog is None:
        return html(render.message_page("No role table", "This process has no role table.", signed_in=signed_in), 404)
    found = await request.app[_RECORD].audited(catalog, days, callers)
    if isinstance(found, str):
        return html(render.message_page("No record of use", found, signed_in=signed_in), 404)
    return found


def _days(request: web.Request) -> int:
    """The window that is asked for. Any other value is the default."""
    days = request.query.get("days", "")
    return int(days) if days in {str(choice) for choice in DAYS} else _DEFAULT_DAYS


def _row(reading: Reading, audit: Audit, days: int) -> "Document":
    caller = audit.caller
    document = caller_document(reading.catalog, reading.window, audit, changes_of(reading.catalog, audit))
    uses = [need.use for need in audit.needs]
    return document | {
        "href": str(URL.build(path="/least-privilege/caller", query=_query(caller) | {"days": str(days)})),
        "calls": sum(use.total for use in uses),
        "operations": len(uses),
        "isLeast": audit.held is not None and audit.least is not None and not audit.add and not audit.remove,
    }


def _query(caller: UseCaller) -> dict[str, str]:
    """The parameters by which an address names a caller."""
    kind: Any = caller.kind.value
    return {"client": caller.client, "realm": caller.token_realm, "kind": kind, "token": "added" if caller.injected else "own"}


def _order(caller: UseCaller) -> tuple[str, str, str, bool]:
    return (caller.client, caller.token_realm, caller.kind.value, caller.injected)
