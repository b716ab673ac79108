"""``kcproxy explain``: why a call is refused, and which roles it needs, offline."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from kcproxy.catalog import Catalog
from kcproxy.catalog.documents import entry_document
from kcproxy.cli import completions
from kcproxy.cli.advice_text import advice_lines, listed
from kcproxy.cli.exit_codes import CONTEXT, Exit, epilog
from kcproxy.cli.inputs import json_of, text_of
from kcproxy.cli.options import json_option, table, version_option
from kcproxy.cli.roles.text import card, least_text, reduced_sets, roles_text
from kcproxy.cli.terminal import bold, document, paint, result, talk
from kcproxy.explain.causes.paths import corrected
from kcproxy.explain.claims import read_caller
from kcproxy.explain.offline import Asked, OfflineResult, Outcome, asked, judge_offline
from kcproxy.explain.render import document as explanation_document
from kcproxy.model import Explanation, Requirement, TargetKind
from kcproxy.settings.types import METHODS

SCHEMA = 1
_MAX_TOKEN_CHARACTERS = 262_144
_EXITS = {Outcome.DENIED: Exit.DENIED, Outcome.UNKNOWN: Exit.UNKNOWN}
EXAMPLES = """\b
Examples:
  kcproxy explain GET /admin/realms/shop/users/42
  get-token | kcproxy explain GET /admin/realms/shop/users/42 --token-file -
  kcproxy explain PUT https://login.example.com/auth/admin/realms/shop --token-file token --status 401

"""


@click.command(name="explain", epilog=EXAMPLES + epilog(), context_settings=CONTEXT)
@click.argument("method", type=click.Choice(METHODS, case_sensitive=False), metavar="METHOD")
@click.argument("path", shell_complete=completions.paths)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE|-",
    help="The caller's access token. - reads it from standard input.",
)
@click.option(
    "--body",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE|-",
    help="JSON body of the call, if the required roles depend on it (which roles are granted, what is imported).",
)
@click.option("--status", type=click.Choice(["401", "403"]), help="Status code of Keycloak. Default: derived from the token.")
@version_option
@json_option
def command(
    method: str, path: str, *, token_file: Path | None, body: Path | None, status: str | None, version: str | None, as_json: bool
) -> None:
    """Explain why a call is refused, and show the least-privilege fix. Works offline, with the token's claims and the role table.

    PATH is a path or a complete URL. Without a token, the command shows which role the call needs. The token is never sent or shown, and
    its signature is not verified. Facts that only Keycloak knows (later grants, disabled clients) are named as possibilities.
    """
    if token_file == body == Path("-"):
        raise click.UsageError("standard input can be the token or the body, not both")
    catalog = table(version)
    try:
        call = asked(catalog, method, path, json_of(body, "--body") if body else None)
    except ValueError as error:
        raise click.BadParameter("it is not a path or URL", param_hint="PATH") from error
    caller = read_caller(f"Bearer {_token(token_file)}" if token_file else None)
    now = time.time()
    given = int(status) if status else None
    diagnosis = judge_offline(catalog, call, caller, status=given, version=version, now_epoch_seconds=now)
    if as_json:
        document(_document(catalog, call, diagnosis))
    else:
        for line in _text(catalog, call, diagnosis):
            result(line)
    if token_file:
        talk("Based on the token's claims only: the signature was not verified, and Keycloak was not contacted.")
    if code := _EXITS.get(diagnosis.outcome):
        sys.exit(code)


def _token(file: Path) -> str:
    """The token without a leading ``Bearer``."""
    token = text_of(file, "--token-file", most=_MAX_TOKEN_CHARACTERS).strip()
    if not token:
        raise click.BadParameter("is empty", param_hint="--token-file")
    scheme, _, rest = token.partition(" ")
    return rest.strip() if scheme.lower() == "bearer" and rest else token


def _document(catalog: Catalog, call: Asked, diagnosis: OfflineResult) -> dict[str, Any]:
    entry, explanation = catalog.entry(call.target), diagnosis.explanation
    return {
        "schema": SCHEMA,
        "keycloak": catalog.version,
        "outcome": diagnosis.outcome.value,
        "status": diagnosis.status,
        "roles": list(diagnosis.held),
        "least": _least(diagnosis.requirement),
        "operation": entry_document(entry) if entry else None,
        "explanation": explanation_document(explanation) if explanation else None,
    }


def _least(need: Requirement | None) -> list[str] | None:
    """The least set for this call, including its query and body."""
    return list(need.least) if need is not None and need.least is not None else None


def _text(catalog: Catalog, call: Asked, diagnosis: OfflineResult) -> Iterator[str]:
    if diagnosis.outcome is Outcome.REDUCED:
        yield from _let_in(diagnosis)
        yield from advice_lines(explanation_document(diagnosis.explanation)) if diagnosis.explanation else ()
    elif diagnosis.explanation is not None:
        yield from _explained(diagnosis.explanation)
    elif diagnosis.outcome is Outcome.DENIED:
        yield f"Keycloak responds with {diagnosis.status}. The reason is not known."
    elif diagnosis.outcome is Outcome.UNKNOWN:
        yield _unknown(catalog, call, diagnosis)
    elif diagnosis.outcome is Outcome.NEEDS:
        entry = catalog.entry(call.target)
        yield from card(entry) if entry else ()
        if diagnosis.requirement and diagnosis.requirement.variant_says:
            yield f"This call ({diagnosis.requirement.variant_says}): {least_text(diagnosis.requirement)}"
    else:
        yield from _let_in(diagnosis)


def _unknown(catalog: Catalog, call: Asked, diagnosis: OfflineResult) -> str:
    name = f"{call.target.method} {call.target.raw_path}"
    if diagnosis.requirement is not None:
        return f"{name}: the roles for Keycloak {catalog.version} could not be determined ({diagnosis.requirement.undetermined})."
    if call.target.kind is TargetKind.ADMIN_UNKNOWN:
        corrections = corrected(catalog, call.target.raw_path)
        hint = f" Did you mean {corrections[2]}?" if corrections else ""
        return f"{name} is not in the table of Keycloak {catalog.version}, so its roles are not known.{hint}"
    return f"{name} is not a call of the Admin REST API, and needs no role of realm-management."


def _let_in(diagnosis: OfflineResult) -> Iterator[str]:
    need = diagnosis.requirement
    held = roles_text(diagnosis.held)
    if need is None:
        return
    if diagnosis.outcome is Outcome.LET_IN:
        yield f"{paint('Allowed', 'green')}: the token contains {held}, and the call needs {least_text(need)}."
        return
    says = "; ".join(f"with {roles_text(roles)}: {what}" for roles, what in reduced_sets(need))
    yield f"{paint('Allowed, with a reduced response', 'yellow')}: the token contains {held}; the full response needs {least_text(need)} ({says})."


def _explained(explanation: Explanation) -> Iterator[str]:
    verdict = explanation.verdict
    yield f"{paint(str(explanation.answer.status), 'red')} {bold(verdict.cause.value)} ({verdict.confidence.value})"
    yield explanation.summary
    yield from listed("Evidence", verdict.evidence)
    yield from advice_lines(explanation_document(explanation))
