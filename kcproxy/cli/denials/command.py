"""``kcproxy denials``: lists recent denials in the terminal, from a running proxy or from its history file."""

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import click

from kcproxy.admin.listing import UNRESOLVED, Query, chosen
from kcproxy.cli.advice_text import advice_lines, listed
from kcproxy.cli.denials.source import Document, Fleet, HistoryFile, RunningProxy, Source
from kcproxy.cli.denials.table import SHORT_ID, Table, ago, clock
from kcproxy.cli.exit_codes import CONTEXT, Exit, epilog
from kcproxy.cli.history_place import HistoryDatabase, history_place
from kcproxy.cli.options import config_option, json_option, key_file_option
from kcproxy.cli.terminal import bold, document, document_line, paint, result, talk, wrapped
from kcproxy.observe.denials.course import State
from kcproxy.settings import HistorySettings, Secret
from kcproxy.settings.load import admin_address

SCHEMA = 1
DEFAULT_LIMIT = 20
EXAMPLES = """\b
Examples:
  kcproxy denials                          recent denials of the proxy on this machine
  kcproxy denials --search view-users --open
  kcproxy denials --follow                 also print new denials as they occur
  kcproxy denials 7f3a9c4e                 one denial, with evidence and fix
  kcproxy denials --admin 10.0.0.1:9180 --admin 10.0.0.2:9180
  kcproxy denials --history /var/lib/kcproxy/denials.sqlite

"""


@click.command(name="denials", epilog=EXAMPLES + epilog(), context_settings=CONTEXT)
@click.argument("denial_id", required=False, metavar="[ID]")
@click.option(
    "--admin",
    "admins",
    metavar="HOST:PORT",
    multiple=True,
    help="Admin port of the proxy. Default: as configured. Several: the lists of several instances are merged.",
)
@key_file_option
@click.option(
    "--history",
    type=history_place,
    metavar="FILE|URL",
    help="Read this history file, or this PostgreSQL database, instead of asking the proxy.",
)
@click.option("--search", default="", metavar="WORDS", help="Only denials that contain all these words.")
@click.option("--open", "only_open", is_flag=True, help="Only unresolved denials.")
@click.option("--limit", type=click.IntRange(min=0), metavar="N", help="At most so many kinds; 0: all. Default: 20, with --json all.")
@click.option("--long", "is_long", is_flag=True, help="Print the sentence, too: several lines for each kind.")
@click.option("--follow", is_flag=True, help="Also print new denials as they occur, until interrupted. With --json, one document per line.")
@config_option
@json_option
def command(
    *,
    denial_id: str | None,
    admins: tuple[str, ...],
    key_file: Path | None,
    history: Path | HistorySettings | None,
    search: str,
    config: Path | None,
    only_open: bool,
    limit: int | None,
    is_long: bool,
    follow: bool,
    as_json: bool,
) -> None:
    """List recent denials, one line for each kind: state, time, count, service, operation, missing role.

    With the ID of a denial (from the list, from the header Kcproxy-Denial-Id, or from the log), show that denial with its evidence and
    the fix. History files can be read after the proxy has ended.
    """
    if follow and (history or denial_id):
        raise click.UsageError("--follow needs a running proxy: remove --history and ID")
    key = Secret(path=key_file) if key_file else None
    source: Source = _running(admins, config, key) if history is None else _stored(history)
    if denial_id is not None:
        _show_one(_found(source, denial_id), denial_id, as_json=as_json)
        return
    choice = Choice(Query(q=search, state=UNRESOLVED if only_open else ""), _limit(limit, as_json=as_json), is_long=is_long)
    if follow and isinstance(source, RunningProxy | Fleet):
        with suppress(KeyboardInterrupt):
            _follow(source, choice, as_json=as_json)
        return
    groups = choice.of(source.groups())
    if as_json:
        document({"schema": SCHEMA, "denials": groups[: choice.limit]})
    elif groups:
        _list(groups, choice)
    else:
        talk("No denials.")


@dataclass(frozen=True, slots=True)
class Choice:
    """Which kinds are listed and how. ``limit``: None for all."""

    query: Query
    limit: int | None
    is_long: bool

    def of(self, groups: Sequence[Document]) -> list[Document]:
        """Those that fit, the newest first."""
        return chosen(groups, self.query, time.time())


def _limit(given: int | None, *, as_json: bool) -> int | None:
    if given is None:
        return None if as_json else DEFAULT_LIMIT
    return given or None


def _list(groups: Sequence[Document], choice: Choice) -> None:
    now, shown = time.time(), groups[: choice.limit]
    if choice.is_long:
        _show(_long_lines(shown, now))
    else:
        table = Table(shown, when=lambda group: ago(group["lastAt"], now))
        _show([table.head(), *table.lines(shown)])
    if len(shown) < len(groups):
        talk(f"{len(shown)} of {len(groups)} kinds of denial; --limit 0 lists all, and --search narrows the list")


def _follow(source: "RunningProxy | Fleet", choice: Choice, *, as_json: bool) -> None:
    groups = choice.of(source.groups())[: choice.limit]
    table = Table(groups, when=lambda group: clock(group["lastAt"]))
    if not as_json and not choice.is_long:
        result(table.head())
    for group in chain(reversed(groups), source.follow()):
        if not choice.of([group]):
            continue
        if as_json:
            document_line(group)
        else:
            _show(_long_lines([group], None) if choice.is_long else table.lines([group]))
        sys.stdout.flush()


def _stored(history: Path | HistorySettings) -> Source:
    return HistoryFile(history) if isinstance(history, Path) else HistoryDatabase(history)


def _running(admins: Sequence[str], config: Path | None, key: Secret | None) -> "RunningProxy | Fleet":
    proxies = [RunningProxy(admin_address(config, os.environ, {"admin_listen": admin}), key) for admin in admins or (None,)]
    return proxies[0] if len(proxies) == 1 else Fleet(proxies)


def _found(source: Source, denial_id: str) -> Document | None:
    """One denial by its id, or by the beginning of an id that the list shows."""
    found = source.denial(denial_id)
    if found is not None or len(denial_id) < SHORT_ID:
        return found
    matching = {str(group["id"]) for group in source.groups() if str(group["id"]).startswith(denial_id)}
    return source.denial(matching.pop()) if len(matching) == 1 else None


def _show_one(found: Document | None, denial_id: str, *, as_json: bool) -> None:
    if found is None:
        talk(f"kcproxy: no denial {denial_id}; only recent denials are stored")
        sys.exit(Exit.FAILED)
    if as_json:
        document({"schema": SCHEMA, "denial": found})
    else:
        _show(_detail(found))


def _show(lines: Iterable[str]) -> None:
    for line in lines:
        result(line)


def _long_lines(groups: Sequence[Document], now_epoch_seconds: float | None) -> Iterator[str]:
    """Several lines for each kind; with the time of day if there is no time for "ago"."""
    for group in groups:
        p = _texts(group)
        state = "" if group["state"] == State.FAILS else paint(f" {group['state']}", "green" if group["resolvedAt"] else "yellow")
        times = "once" if group["count"] == 1 else f"{group['count']} times"
        last = clock(group["lastAt"]) if now_epoch_seconds is None else f"{ago(group['lastAt'], now_epoch_seconds)} ago"
        yield f"{paint(p('status'), 'red')} {bold(p('why'))} ({p('confidence')}) {times}, last {last}{state}"
        yield from wrapped(p("summary"), "    ")
        yield from wrapped(f"{p('who')} · {p('what')} · realm {p('realm')} · id {p('id')}", "    ")


def _detail(found: Document) -> Iterator[str]:
    explanation = found["explanation"]
    p = _texts({**found, **explanation})
    yield f"{paint(p('status'), 'red')} {bold(p('cause'))} ({p('confidence')}), {p('at')}"
    yield from wrapped(p("summary"))
    yield from wrapped(f"{p('method')} {p('path')}")
    yield from listed("Evidence", explanation["evidence"])
    yield from _sets(found["sets"])
    yield from advice_lines(explanation)


def _sets(sets: Document) -> Iterator[str]:
    yield from ("", bold("Roles"))
    needed = None if sets["needed"] is None else " or ".join(" + ".join(roles) or "any token" for roles in sets["needed"])
    yield from wrapped(needed or "not known", " " * 12, first="  needed    ")
    for name, title in (("granted", "granted"), ("inScope", "in scope"), ("inToken", "in token")):
        roles = sets[name]
        names = "not known" if roles is None else ", ".join(roles) or "none"
        yield from wrapped(names, " " * 12, first=f"  {title:<9} ")


def _texts(found: Document) -> Callable[[str], str]:
    return lambda name: "-" if found[name] is None else str(found[name])
