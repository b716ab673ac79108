"""``kcproxy doctor``: what can a client do, and what prevents a call? Asks Keycloak with the inspector's account."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kcproxy.catalog import Catalog
from kcproxy.cli import completions
from kcproxy.cli.advice_text import advice_lines
from kcproxy.cli.doctor.inspector_setup import setup_commands
from kcproxy.cli.exit_codes import CONTEXT, Exit, epilog
from kcproxy.cli.options import config_option, json_option
from kcproxy.cli.server_version import server_version_option, table_of_server
from kcproxy.cli.terminal import bold, document, paint, result, talk
from kcproxy.explain.fixes.unwritable import Unwritable
from kcproxy.explain.offline import asked
from kcproxy.explain.render import document as explanation_document
from kcproxy.settings.load import load
from kcproxy.settings.types import METHODS

if TYPE_CHECKING:
    from kcproxy.cli.doctor.report import Examination

SCHEMA = 1
EXAMPLES = """\b
Examples:
  kcproxy doctor --create-inspector --realm shop
  kcproxy doctor --realm shop --client shop-backend
  kcproxy doctor --realm shop --client shop-backend GET /admin/realms/shop/users

"""
_COLOURS = {"yes": "green", "reduced": "yellow", "no": "red"}
_RESPONSES = {
    "yes": "Yes: it gets the full response.",
    "reduced": "Yes, but it gets a reduced response.",
    "no": "No.",
    "unknown": "The table of this Keycloak version does not say what this call needs.",
}


@click.command(name="doctor", epilog=EXAMPLES + epilog(), context_settings=CONTEXT)
@click.argument("method", type=click.Choice(METHODS, case_sensitive=False), required=False, metavar="[METHOD]")
@click.argument("path", required=False, shell_complete=completions.paths)
@click.option("--realm", required=True, help="Realm of the client.")
@click.option("--client", "client_id", metavar="CLIENT_ID", help="Client to examine.")
@click.option(
    "--create-inspector", "create", is_flag=True, help="Only print the commands that create an inspector account with the least roles."
)
@config_option
@click.option("--upstream", metavar="URL", help="Address of Keycloak, as for serve.")
@server_version_option
@json_option
def command(
    method: str | None,
    path: str | None,
    *,
    realm: str,
    client_id: str | None,
    create: bool,
    config: Path | None,
    upstream: str | None,
    version: str | None,
    as_json: bool,
) -> None:
    """Check whether a client may call METHOD PATH, what its service account can do, and what prevents it.

    Asks Keycloak with the read-only account in the section [inspector] of the settings. Changes nothing, and shows no token.
    """
    if create:
        _print_setup(realm, as_json=as_json)
        return
    if client_id is None:
        raise click.UsageError("use --client to name the client, or --create-inspector")
    if (method is None) != (path is None):
        raise click.UsageError("give METHOD and PATH together")
    settings = load(config, os.environ, {"upstream.url": upstream})
    if settings.inspector is None:
        talk("kcproxy: doctor needs an [inspector] in the settings; to create one: kcproxy doctor --create-inspector --realm " + realm)
        sys.exit(Exit.USAGE)
    from kcproxy.cli.doctor.report import Patient, examine  # noqa: PLC0415 - aiohttp is imported only if it is needed

    server = table_of_server(version, config, upstream=upstream)
    catalog = server.catalog
    call = asked(catalog, method or "GET", path or f"/admin/realms/{realm}")
    patient = Patient(realm=realm, client_id=client_id, call=call)
    found = examine(settings, catalog, patient, version=server.version, asked=method is not None, now=time.time())
    if found is None:
        talk(
            f"kcproxy: the inspector cannot read realm {realm}: check that it has view-clients, view-realm and view-users there, and that its settings name the realm"
        )
        sys.exit(Exit.FAILED)
    _report(catalog, found, client_id, as_json=as_json)
    if found.verdict.value == "no":
        sys.exit(Exit.DENIED)
    if found.verdict.value == "unknown":
        sys.exit(Exit.UNKNOWN)
    if not found.facts.client_known:
        sys.exit(Exit.FAILED)


def _print_setup(realm: str, *, as_json: bool) -> None:
    try:
        setup = setup_commands(realm)
    except Unwritable as error:
        raise click.BadParameter("no command can contain the name of this realm", param_hint="--realm") from error
    if as_json:
        document({"schema": SCHEMA, "commands": list(setup.commands), "config": setup.config, "warning": setup.warning})
        return
    for line in setup.commands:
        result(line)
    result()
    for line in setup.config.split("\n"):
        result(line)
    talk(f"Warning: {setup.warning}")


def _report(catalog: Catalog, found: "Examination", client_id: str, *, as_json: bool) -> None:
    if as_json:
        document(_document(catalog, found))
        return
    for line in _text(catalog, found, client_id):
        result(line)


def _document(catalog: Catalog, found: "Examination") -> dict[str, Any]:
    facts = found.facts
    return {
        "schema": SCHEMA,
        "keycloak": catalog.version,
        "verdict": found.verdict.value,
        "roles": {
            "client": found.container,
            "granted": list(facts.granted or ()),
            "inScope": None if facts.full_scope else list(facts.in_scope or ()),
            "counting": list(found.counting),
        },
        "operations": found.opened,
        "openBecause": list(found.open_because),
        "obstacles": list(found.obstacles),
        "explanation": explanation_document(found.explanation) if found.explanation else None,
    }


def _text(catalog: Catalog, found: "Examination", client_id: str) -> Iterator[str]:
    if found.open_because:
        yield bold(paint(f"Open: fine-grained permissions decide, by what doctor cannot see: {'; '.join(found.open_because)}.", "yellow"))
    elif found.verdict.value in _RESPONSES:
        yield bold(paint(_RESPONSES[found.verdict.value], _COLOURS.get(found.verdict.value, "yellow")))
    if not found.facts.client_known or found.facts.service_accounts_enabled is False:
        yield from found.obstacles  # there is no service account to describe
        return
    roles = ", ".join(found.counting) or "no role"
    yield f"The service account of {client_id} has {roles} of {found.container}."
    yield f"That allows {found.opened} of {len(catalog.operations)} operations of Keycloak {catalog.version}."
    yield from (f"Problem: {line}" for line in found.obstacles)
    if found.explanation is not None:
        yield found.explanation.summary
        yield from advice_lines(explanation_document(found.explanation))
