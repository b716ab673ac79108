"""``kcproxy denials``: lists recent denials in the terminal, from a running proxy or from its history file."""

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import chain
from pathlib import Path

import click

from kcproxy.admin.views import matching
from kcproxy.cli.advice_text import advice_lines, listed
from kcproxy.cli.denials_source import Document, HistoryFile, RunningProxy, Source
from kcproxy.cli.exit_codes import CONTEXT, Exit, epilog
from kcproxy.cli.options import config_option, json_option
from kcproxy.cli.terminal import bold, document, document_line, paint, result, talk, wrapped
from kcproxy.settings import AddressSettings, Secret
from kcproxy.settings.load import admin_address

SCHEMA = 1
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
EXAMPLES = """\b
Examples:
  kcproxy denials                          recent denials of the proxy on this machine
  kcproxy denials --search view-users --open
  kcproxy denials --follow                 also print new denials as they occur
  kcproxy denials 7f3a9c4e                 one denial, with evidence and fix
  kcproxy denials --history /var/lib/kcproxy/denials.sqlite

"""


@click.command(name="denials", epilog=EXAMPLES + epilog(), context_settings=CONTEXT)
@click.argument("denial_id", required=False, metavar="[ID]")
@click.option("--admin", metavar="HOST:PORT", help="Admin port of the proxy. Default: as configured.")
@click.option(
    "--key-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    envvar="KCPROXY_ADMIN_KEY_FILE",
    metavar="FILE",
    help="File with the admin key, if the port requires one.",
)
@click.option(
    "--history",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Read this history file instead of asking the proxy.",
)
@click.option("--search", default="", metavar="WORDS", help="Only denials that contain all these words.")
@click.option("--open", "only_open", is_flag=True, help="Only unresolved denials.")
@click.option("--follow", is_flag=True, help="Also print new denials as they occur, until interrupted. With --json, one document per line.")
@config_option
@json_option
def command(
    *,
    denial_id: str | None,
    admin: str | None,
    key_file: Path | None,
    history: Path | None,
    search: str,
    config: Path | None,
    only_open: bool,
    follow: bool,
    as_json: bool,
) -> None:
    """List recent denials: who, what, why, the missing role, and the fix.

    With the ID of a denial (from the header Kcproxy-Denial-Id, or from the log), show that denial with its evidence. History files can
    be read after the proxy has ended.
    """
    if follow and (history or denial_id):
        raise click.UsageError("--follow needs a running proxy: remove --history and ID")
    proxy = None if history else RunningProxy(_address(admin, config), Secret(path=key_file) if key_file else None)
    source: Source = proxy or HistoryFile(history or Path())
    if denial_id is not None:
        _show_one(source.denial(denial_id), denial_id, as_json=as_json)
        return
    groups = matching(source.groups(), search, "", only_open=only_open)
    if follow and proxy is not None:
        with suppress(KeyboardInterrupt):
            _follow(proxy, groups, lambda found: matching(found, search, "", only_open=only_open), as_json=as_json)
        return
    if as_json:
        document({"schema": SCHEMA, "denials": groups})
    elif groups:
        _show(_lines(groups, time.time()))
    else:
        talk("No denials.")


def _follow(
    proxy: RunningProxy, groups: Sequence[Document], chosen: Callable[[Sequence[Document]], list[Document]], *, as_json: bool
) -> None:
    for group in chain(reversed(groups), proxy.follow()):
        if not chosen([group]):
            continue
        if as_json:
            document_line(group)
        else:
            _show(_lines([group], time.time()))
        sys.stdout.flush()


def _address(admin: str | None, config: Path | None) -> AddressSettings:
    return admin_address(config, os.environ, {"admin_listen": admin})


def _show_one(found: Document | None, denial_id: str, *, as_json: bool) -> None:
    if found is None:
        talk(f"kcproxy: no denial {denial_id}; only recent denials are stored")
        sys.exit(Exit.FAILED)
    if as_json:
        document({"schema": SCHEMA, "denial": found})
    else:
        _show(_detail(found))


def _show(lines: Iterator[str]) -> None:
    for line in lines:
        result(line)


def _lines(groups: Sequence[Document], now_epoch_seconds: float) -> Iterator[str]:
    for group in groups:
        p = _texts(group)
        state = paint(" resolved", "green") if group["resolvedAt"] else ""
        times = "once" if group["count"] == 1 else f"{group['count']} times"
        yield f"{paint(p('status'), 'red')} {bold(p('why'))} ({p('confidence')}) {times}, last {ago(group['lastAt'], now_epoch_seconds)}{state}"
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


def ago(iso: str, now_epoch_seconds: float) -> str:
    """``5 min ago``."""
    seconds = max(0, int(now_epoch_seconds - datetime.fromisoformat(iso).timestamp()))
    size, unit = next((pair for pair in _UNITS if seconds >= pair[0]), (1, "s"))
    return f"{seconds // size} {unit} ago"
