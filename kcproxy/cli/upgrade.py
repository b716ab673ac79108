"""``kcproxy upgrade``: which recorded calls another version of Keycloak refuses or answers otherwise, and what to grant before."""

import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

import click

from kcproxy import catalog as catalogs
from kcproxy.catalog import Catalog
from kcproxy.cli.audit.options import Selection, selection_options
from kcproxy.cli.audit.source import evidence
from kcproxy.cli.audit.text import caller_text
from kcproxy.cli.exit_codes import CONTEXT, Exit, epilog
from kcproxy.cli.options import json_option, table
from kcproxy.cli.roles.text import roles_text
from kcproxy.cli.server_version import Origin, table_of_server
from kcproxy.cli.terminal import bold, columns, document, paint, result, wrapped
from kcproxy.explain.causes.issuers import AUDIENCE_SINCE
from kcproxy.explain.context import LIVE_GRANTS_SINCE, version_key
from kcproxy.model import Basis
from kcproxy.usage.changes import Step, grant_step
from kcproxy.usage.document import iso, step_document
from kcproxy.usage.forecast import WORSE, Change, Forecast, forecast
from kcproxy.usage.window import Window

SCHEMA = 1
DOCUMENTED = "The table of Keycloak {version} is documented, not measured: treat the forecast as a reading of the release notes"
AUDIENCE = (
    "Since 26.8.2 the Admin REST API requires its audience in tokens (documented, not measured): add the client scope kc-admin-api to client {client}"
    " as a default scope, after the upgrade has created it"
)
LIVE = "Since 26.7 Keycloak checks the current grants instead of the roles in the token: a revoked role stops working at once"
EXAMPLES = """\b
Examples:
  kcproxy upgrade --to 26.7.5                              from the configured server's version
  kcproxy upgrade --from 26.6.4 --to 26.7.5                every caller in the record of this proxy
  kcproxy upgrade --from 24.0.5 --to 26.7.5 --client shop-sync --json

"""


@click.command(name="upgrade", epilog=EXAMPLES + epilog(), context_settings=CONTEXT)
@click.option("--to", "target", required=True, metavar="VERSION", help="The Keycloak version after the upgrade.")
@click.option(
    "--from",
    "source",
    metavar="VERSION",
    help="The Keycloak version of the record. Default: explain.keycloak_version, else as the configured server shows.",
)
@selection_options
@json_option
def command(*, target: str, source: str | None, selection: Selection, as_json: bool) -> None:
    """Forecast an upgrade of Keycloak from what callers really called and from the tables of both versions.

    Shows which calls will be refused, answered with less, or not exist any more, and the commands that grant before the upgrade what is
    needed after it. Exit code 5 if a call works less well. Changes of behavior that do not depend on roles are not part of it.
    """
    new, old = table(_known(target, "--to")), _old(source, selection)
    found = evidence(old, selection, now=time.time())
    forecasts = [forecast(old, new, audit) for audit in selection.audits(old, found.record)]
    notes = [*found.notes, *_notes(old, new, target, forecasts)]
    if as_json:
        document(_document(old, new, found.window, forecasts, notes))
    else:
        for line in _text(old, new, found.window, forecasts, notes):
            result(line)
    if any(each.is_worse for each in forecasts):
        sys.exit(Exit.FOUND)


def _old(source: str | None, selection: Selection) -> Catalog:
    server = table_of_server(None if source is None else _known(source, "--from"), selection.config)
    if server.origin is Origin.NEWEST:
        raise click.UsageError("the version of Keycloak is not known: name the one of the record with --from")
    return server.catalog


def _known(version: str, option: str) -> str:
    if not version_key(version):
        raise click.BadParameter(
            f"{version!r} is not a Keycloak version; there are tables for {', '.join(catalogs.versions())}", param_hint=option
        )
    return version


def _notes(old: Catalog, new: Catalog, target: str, forecasts: Sequence[Forecast]) -> list[str]:
    notes = []
    if new.basis is not Basis.MEASURED:
        notes.append(DOCUMENTED.format(version=new.version))
    before, after = version_key(old.version), max(version_key(new.version), version_key(target))
    if before < LIVE_GRANTS_SINCE <= after:
        notes.append(LIVE)
    if before < AUDIENCE_SINCE <= after:
        notes += [AUDIENCE.format(client=client) for client in sorted({each.audit.caller.client for each in forecasts})]
    return notes


def _steps(old: Catalog, each: Forecast) -> list[Step]:
    return [step] if each.grant and (step := grant_step(old, each.audit, each.grant)) is not None else []


def _document(old: Catalog, new: Catalog, window: Window, forecasts: Sequence[Forecast], notes: Sequence[str]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "from": old.version,
        "to": new.version,
        "basis": new.basis.value,
        "window": {"days": window.days, "seen": window.seen, "says": window.says},
        "notes": list(notes),
        "callers": [
            {
                "client": each.audit.caller.client,
                "tokenRealm": each.audit.caller.token_realm,
                "kind": each.audit.caller.kind.value,
                "injected": each.audit.caller.injected,
                "owner": {"client": each.audit.owner.client, "realm": each.audit.owner.realm},
                "held": None if each.audit.held is None else list(each.audit.held),
                "calls": len(each.audit.needs),
                "changes": [_change(change) for change in each.changes],
                "grant": list(each.grant),
                "grantAfter": list(each.grant_after),
                "powers": [{"role": role, "says": says} for role, says in _powers(new, each)],
                "commands": [step_document(step) for step in _steps(old, each)],
            }
            for each in forecasts
        ],
    }


def _powers(new: Catalog, each: Forecast) -> Iterator[tuple[str, str]]:
    """What the roles to grant allow beyond the calls: ways to more privileges, as measured."""
    for role in (*each.grant, *each.grant_after):
        yield from ((role, power.says) for power in new.powers(role))


def _change(change: Change) -> dict[str, Any]:
    use = change.use
    needs = None if change.needs is None else list(change.needs)
    named = {"operation": use.operation, "realm": use.realm, "variant": use.variant or None, "last": iso(use.last_at)}
    return named | {"fate": change.fate.value, "needs": needs, "says": change.says or None}


def _text(old: Catalog, new: Catalog, window: Window, forecasts: Sequence[Forecast], notes: Sequence[str]) -> Iterator[str]:
    yield f"From Keycloak {old.version} to {new.version} ({new.basis.value}). Window: {window.says}."
    for note in notes:
        yield from wrapped(note, "  ", first=f"{paint('Note', 'yellow')}: ")
    for each in forecasts:
        yield ""
        yield bold(f"{caller_text(each.audit.caller)}: roles of {each.audit.owner.client} in realm {each.audit.owner.realm}")
        if not each.changes:
            yield f"  No change for {len(each.audit.needs)} operations."
        yield from columns([_row(change) for change in each.changes], indent="  ")
        for step in _steps(old, each):
            yield f"  Grant before the upgrade: {roles_text(step.roles)}"
            yield from (f"    {line}" for line in step.forms.kcadm)
        for _, says in _powers(new, each):
            yield from wrapped(says, "    ", first=f"  {paint('Warning', 'yellow')}: ")
        if each.grant_after:
            yield f"  Grant after the upgrade, because only the new version has it: {roles_text(each.grant_after)}"


def _row(change: Change) -> tuple[str, ...]:
    variant = f" [{change.use.variant}]" if change.use.variant else ""
    fate = paint(change.fate.value, "red" if change.fate in WORSE else "green")
    needs = "" if change.needs is None else f"needs {roles_text(change.needs)}"
    return (fate, change.use.operation + variant, "; ".join(filter(None, (needs, change.says))))
