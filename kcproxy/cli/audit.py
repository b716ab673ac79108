"""``kcproxy audit``: the least roles for what each caller really called."""

import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click

from kcproxy.catalog import Catalog
from kcproxy.cli.audit_document import audit_document
from kcproxy.cli.audit_source import evidence
from kcproxy.cli.audit_text import audit_text
from kcproxy.cli.exit_codes import CONTEXT, Exit, epilog
from kcproxy.cli.options import config_option, json_option, table, version_option
from kcproxy.cli.terminal import document, result, talk
from kcproxy.usage.audit import Audit, audits
from kcproxy.usage.changes import changes_of

_UNITS = {"h": 3600, "d": 86_400, "w": 7 * 86_400}
_SINCE = re.compile(r"([1-9][0-9]{0,4})([hdw])")
FINDINGS = ("unused", "escalation")
EXAMPLES = """\b
Examples:
  kcproxy audit                                     every caller in the record of this proxy, 30 days
  kcproxy audit --client shop-sync --since 90d
  kcproxy audit --history /var/lib/kcproxy/denials-use.sqlite --json
  kcproxy audit --log kcproxy.log --client shop-sync --held realm-admin
  kcproxy audit --fail-on unused,escalation         for CI: exit code 5 if a role is unused or leads to realm-admin

"""


def _since(_: click.Context, __: click.Parameter, value: str) -> float:
    found = _SINCE.fullmatch(value)
    if found is None:
        raise click.BadParameter(f"{value!r} is not a number of hours, days or weeks; use for example 12h, 30d or 8w")
    return float(int(found[1]) * _UNITS[found[2]])


def _fail_on(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, ...]:
    wanted = tuple(word.strip() for word in (value or "").split(",") if word.strip())
    for word in wanted:
        if word not in FINDINGS:
            raise click.BadParameter(f"{word!r} is not a finding; there are {', '.join(FINDINGS)}")
    return wanted


@click.command(name="audit", epilog=EXAMPLES + epilog(), context_settings=CONTEXT)
@click.option("--client", metavar="ID", help="Only this client.")
@click.option("--realm", metavar="REALM", help="Only callers whose token is of this realm.")
@click.option(
    "--since", "since_seconds", default="30d", show_default=True, callback=_since, metavar="TIME", help="How far back: 12h, 30d, 8w."
)
@click.option(
    "--history",
    "histories",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Record of use of a proxy, or the history file beside it. Repeat it for several proxies. Default: as configured.",
)
@click.option(
    "--log",
    "logs",
    multiple=True,
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE|-",
    help="A log instead of a record: kcproxy's own, an access log, or lines METHOD /path.",
)
@click.option(
    "--held", multiple=True, metavar="ROLE", help="A role that the caller holds, instead of those that its token named. Repeatable."
)
@click.option(
    "--fail-on", callback=_fail_on, metavar="FINDINGS", help="Exit code 5 if there is one: unused, escalation, or both with a comma."
)
@version_option
@config_option
@json_option
def command(
    *,
    client: str | None,
    realm: str | None,
    since_seconds: float,
    histories: tuple[Path, ...],
    logs: tuple[Path, ...],
    held: tuple[str, ...],
    fail_on: tuple[str, ...],
    version: str | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Show for each caller which roles it holds, which it used, and the least set for all its calls together.

    The least set gives the same responses as before: a reduced response stays reduced. Refused and failed calls do not count. The
    commands lead to that set and back. A job that did not run in the window is not part of it, so the window is always named.
    """
    if held and client is None:
        raise click.UsageError("--held is about one caller: name it with --client")
    catalog = table(version)
    found = evidence(catalog, histories=histories, logs=logs, config=config, since_seconds=since_seconds, now=time.time())
    chosen = [audit for audit in audits(catalog, found.record, held=held or None) if _is_chosen(audit, client, realm)]
    changes = [(audit, changes_of(catalog, audit)) for audit in chosen]
    for note in found.notes:
        talk(note)
    if as_json:
        document(audit_document(catalog, found, changes))
    else:
        result(f"Window: {found.window.says}. Keycloak {catalog.version}.")
        for audit, change in changes:
            for line in audit_text(catalog, found.window, audit, change):
                result(line)
        if not changes:
            talk("No calls of a verified caller in this window.")
    _exit(catalog, chosen, fail_on)


def _is_chosen(audit: Audit, client: str | None, realm: str | None) -> bool:
    return client in {None, audit.caller.client} and realm in {None, audit.caller.token_realm}


def _exit(catalog: Catalog, chosen: Sequence[Audit], fail_on: tuple[str, ...]) -> None:
    findings = {"unused": any(a.unused or a.excessive for a in chosen), "escalation": any(a.escalations for a in chosen)}
    failed = [name for name in fail_on if findings[name]]
    if failed:
        talk(f"kcproxy: audit found: {', '.join(failed)} (Keycloak {catalog.version})")
        sys.exit(Exit.FOUND)
