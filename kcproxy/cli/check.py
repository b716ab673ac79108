"""``kcproxy check``: checks settings and reachability, and reports all problems at once. Also the health probe of a container."""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kcproxy import catalog
from kcproxy.cli.exit_codes import CONTEXT, Exit, epilog
from kcproxy.cli.options import config_option, json_option
from kcproxy.cli.process_environment import Started, started
from kcproxy.cli.readiness import not_ready
from kcproxy.cli.terminal import bold, columns, document, paint, result, talk
from kcproxy.errors import SettingsError
from kcproxy.settings import Settings
from kcproxy.settings.load import admin_address, load
from kcproxy.settings.show import shown

if TYPE_CHECKING:
    from kcproxy.cli.reachability import Finding

SCHEMA = 1


@click.command(name="check", epilog=epilog(), context_settings=CONTEXT)
@config_option
@click.option("--upstream", metavar="URL", help="Address of Keycloak, as for serve.")
@click.option("--print", "with_settings", is_flag=True, help="Print every effective setting and where it comes from. Secrets are masked.")
@click.option("--offline", is_flag=True, help="Check only the settings. Contact no server.")
@click.option("--ready", is_flag=True, help="Only ask the admin port of the running proxy whether it is ready: for health probes.")
@click.option(
    "--of-process",
    type=click.IntRange(min=1),
    metavar="PID",
    help="With --ready: use the flags and variables of that running serve process. A container's health check uses 1 (Linux).",
)
@json_option
def command(
    config: Path | None,
    upstream: str | None,
    *,
    with_settings: bool,
    offline: bool,
    ready: bool,
    of_process: int | None,
    as_json: bool,
) -> None:
    """Check the settings, and whether Keycloak and the accounts work. All problems are reported at once.

    Reads the same file, environment and flags as serve. Asks Keycloak for the public document of each realm, and fetches one token for
    each account. Changes nothing, and shows no secret or token.
    """
    if ready:
        _probe(config, of_process, as_json=as_json)
        return
    if of_process is not None:
        raise click.UsageError("--of-process requires --ready")
    flags = {"upstream.url": upstream}
    try:
        settings = load(config, os.environ, flags)
    except SettingsError as error:
        if as_json:
            document({"schema": SCHEMA, "ok": False, "problems": list(error.problems), "notes": [], "findings": []})
            sys.exit(Exit.USAGE)
        raise
    findings = [] if offline else _findings(settings)
    if as_json:
        document(_document(settings, findings, with_settings=with_settings))
    else:
        _text(settings, findings, with_settings=with_settings)
    if not all(finding.ok for finding in findings):
        sys.exit(Exit.FAILED)


def _probe(config: Path | None, of_process: int | None, *, as_json: bool) -> None:
    given = Started(config=config, environ=os.environ) if of_process is None else started(of_process)
    reason = not_ready(admin_address(given.config, given.environ, given.flags))
    if as_json:
        document({"schema": SCHEMA, "ready": reason is None, "reason": reason})
    elif reason is None:
        result("ready")
    else:
        talk(f"kcproxy: not ready: {reason}")
    if reason is not None:
        sys.exit(Exit.FAILED)


def _findings(settings: Settings) -> list["Finding"]:
    from kcproxy.cli.reachability import reachability  # noqa: PLC0415 - aiohttp is imported only if it is needed

    version = settings.explain.keycloak_version
    table = catalog.load(catalog.nearest(version) if version else catalog.default_version())
    return asyncio.run(reachability(settings, table))


def _document(settings: Settings, findings: Sequence["Finding"], *, with_settings: bool) -> dict[str, Any]:
    head = {"schema": SCHEMA, "ok": all(finding.ok for finding in findings), "problems": [], "notes": list(settings.notes)}
    values = [{"key": item.key, "value": item.value, "origin": item.origin} for item in shown(settings)]
    return head | {"findings": [finding.document() for finding in findings]} | ({"settings": values} if with_settings else {})


def _text(settings: Settings, findings: Sequence["Finding"], *, with_settings: bool) -> None:
    if with_settings:
        for line in columns([(item.line, f"# {item.origin}") for item in shown(settings)]):
            result(line)
        result()
    for note in settings.notes:
        talk(f"note: {note}")
    result(f"{paint('ok', 'green')}    {bold('settings')}: OK")
    for finding in findings:
        mark = paint("ok  ", "green") if finding.ok else paint("FAIL", "red")
        says = f"{finding.says.rstrip('.')}; {finding.remedy}" if finding.remedy else finding.says
        result(f"{mark}  {bold(finding.what)}: {says}")
