"""``kcproxy audit``: the least roles for what each caller really called."""

import sys
import time
from collections.abc import Iterable, Sequence

import click

import kcproxy
from kcproxy.catalog import Catalog
from kcproxy.cli.audit.look_up import look_up_grants
from kcproxy.cli.audit.operations import operations_lines
from kcproxy.cli.audit.options import Selection, selection_options
from kcproxy.cli.audit.source import evidence
from kcproxy.cli.audit.text import audit_text
from kcproxy.cli.exit_codes import CONTEXT, Exit, epilog
from kcproxy.cli.options import json_option
from kcproxy.cli.server_version import server_version_option, table_of_server
from kcproxy.cli.terminal import document, result, talk
from kcproxy.usage.audit import Audit
from kcproxy.usage.changes import changes_of
from kcproxy.usage.document import audit_document
from kcproxy.usage.grants import GrantsByOwner, with_grants
from kcproxy.usage.sarif import sarif_document

FINDINGS = ("unused", "escalation")
FORMATS = ("text", "json", "sarif")
EXAMPLES = """\b
Examples:
  kcproxy audit                                     every caller in the record of this proxy, 30 days
  kcproxy audit --client shop-sync --since 90d
  kcproxy audit --history /var/lib/kcproxy/denials-use.sqlite --json
  kcproxy audit --admin 10.0.0.1:9180 --admin 10.0.0.2:9180
  kcproxy audit --client shop-sync --look-up        what is granted directly: the commands to go back are exact
  kcproxy audit --log kcproxy.log --client shop-sync --held realm-admin
  kcproxy audit --client shop-sync --as-operations  a limit for the account or the key of this caller
  kcproxy audit --prometheus http://localhost:9090  several proxies, by what Prometheus knows
  kcproxy audit --format sarif > audit.sarif
  kcproxy audit --fail-on unused,escalation         for CI: exit code 5 if a role is unused or leads to realm-admin

"""


def _fail_on(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, ...]:
    wanted = tuple(word.strip() for word in (value or "").split(",") if word.strip())
    for word in wanted:
        if word not in FINDINGS:
            raise click.BadParameter(f"{word!r} is not a finding; there are {', '.join(FINDINGS)}")
    return wanted


@click.command(name="audit", epilog=EXAMPLES + epilog(), context_settings=CONTEXT)
@selection_options
@click.option("--user", "username", metavar="NAME", help="With --client: print the commands for this user, if users call with this client.")
@click.option(
    "--fail-on", callback=_fail_on, metavar="FINDINGS", help="Exit code 5 if there is one: unused, escalation, or both with a comma."
)
@click.option(
    "--look-up",
    is_flag=True,
    help="Ask Keycloak with the inspector's account which roles the callers hold, and which of them directly. Then going back is exact.",
)
@click.option("--as-operations", is_flag=True, help="Print the setting operations, for [[accounts]] and keys, with what each caller used.")
@click.option(
    "--format", "output", type=click.Choice(FORMATS), help="text (the default), json (like --json), or sarif (SARIF 2.1.0, for CI)."
)
@server_version_option
@json_option
def command(
    *,
    selection: Selection,
    username: str | None,
    fail_on: tuple[str, ...],
    look_up: bool,
    as_operations: bool,
    output: str | None,
    version: str | None,
    as_json: bool,
) -> None:
    """Show for each caller which roles it holds, which it used, and the least set for all its calls together.

    The least set gives the same responses as before: a reduced response stays reduced. Refused and failed calls do not count. The
    commands lead to that set and back. A job that did not run in the window is not part of it, so the window is always named.
    """
    form = _form(output, as_json=as_json, as_operations=as_operations)
    if username and selection.client is None:
        raise click.UsageError("--user is about one client: name it with --client")
    catalog = table_of_server(version, selection.config).catalog
    found = evidence(catalog, selection, now=time.time())
    chosen = selection.audits(catalog, found.record)
    grants: GrantsByOwner = {}
    if look_up:
        grants = look_up_grants(chosen, selection.config, username=username)
        chosen = selection.audits(catalog, with_grants(found.record, grants, now_epoch_seconds=time.time()))
    changed = [(each, changes_of(catalog, each, username=username, grants=grants.get((each.caller, each.owner)))) for each in chosen]
    for note in found.notes:
        talk(note)
    if as_operations:
        _show(operations_lines(catalog, found.window, chosen))
    elif form == "sarif":
        document(sarif_document(catalog, found.window, chosen, program_version=kcproxy.__version__))
    elif form == "json":
        document(audit_document(catalog, found.window, changed, notes=found.notes))
    else:
        result(f"Window: {found.window.says}. Keycloak {catalog.version}.")
        for audit, changes in changed:
            _show(audit_text(catalog, found.window, audit, changes))
    if not chosen and form == "text":
        talk("No calls of a verified caller in this window.")
    _exit(catalog, chosen, fail_on)


def _form(output: str | None, *, as_json: bool, as_operations: bool) -> str:
    """The form of the output. Raises UsageError if the options contradict each other."""
    form = output or ("json" if as_json else "text")
    if as_json and form != "json":
        raise click.UsageError("--json and --format contradict each other: use one of them")
    if as_operations and form != "text":
        says = "--as-operations prints TOML: remove --json or --format; JSON has the operations of each caller in its member used"
        raise click.UsageError(says)
    return form


def _show(lines: Iterable[str]) -> None:
    for line in lines:
        result(line)


def _exit(catalog: Catalog, chosen: Sequence[Audit], fail_on: tuple[str, ...]) -> None:
    findings = {"unused": any(a.unused or a.excessive for a in chosen), "escalation": any(a.escalations for a in chosen)}
    failed = [name for name in fail_on if findings[name]]
    if failed:
        talk(f"kcproxy: audit found: {', '.join(failed)} (Keycloak {catalog.version})")
        sys.exit(Exit.FOUND)
