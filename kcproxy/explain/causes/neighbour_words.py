"""What the endpoints next to the Admin REST API share: the realm in the path, Keycloak's own words, and grants of roles of other clients."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from msgspec.structs import replace

from kcproxy.explain.context import Context
from kcproxy.explain.finding import Evidence, Finding, found
from kcproxy.explain.fixes.build import grant
from kcproxy.explain.keycloak_responses import is_boilerplate, keycloak_says
from kcproxy.explain.text import shown
from kcproxy.model import Cause, Confidence, Facts, Fix, RoleSet, Verdict

_PATH = re.compile(r"/realms/([^/]+)(/.*)\Z")
_CHALLENGE = re.compile(r'error_description="([^"]*)"')
_ERRORS_WITHOUT_MEANING = frozenset({"insufficient_scope", "invalid_token", "invalid_scope", "invalid_request", "forbidden"})
_REALM = "realm"


def place(context: Context) -> tuple[str, str]:
    """The realm in the path, decoded, and the path below it; two empty texts for other paths."""
    match = _PATH.search(context.request.target.raw_path.removeprefix(context.request.base_path))
    return (unquote(match[1]), match[2]) if match else ("", "")


def own_words(context: Context) -> str:
    """What Keycloak itself says about this refusal, in the body or in the challenge (RFC 6750, section 3); "" if it says nothing."""
    response = context.answer
    body = response.json or {}
    challenge = _CHALLENGE.search(response.headers.get("www-authenticate", ""))
    said = (response.description, body.get("errorMessage"), challenge[1] if challenge else None, response.error)
    meaningful = [word for word in said if isinstance(word, str) and word and not is_boilerplate(word)]
    return next((word for word in meaningful if word.lower() not in _ERRORS_WITHOUT_MEANING), "")


def neighbour(
    context: Context,
    confidence: Confidence,
    *evidence: Evidence,
    reason: str,
    cause: Cause = Cause.OTHER_ENDPOINT,
    facts: Mapping[str, Any] | None = None,
    remedy: str | None = None,
    effect: str | None = None,
    **words: Any,
) -> Finding:
    """A finding whose sentence begins with Keycloak's own words, and which names the realm in the path."""
    realm, said = place(context)[0], own_words(context)
    begins = f"Keycloak says {shown(said.rstrip('.'))}: " if said else ""
    return found(
        cause,
        confidence,
        keycloak_says,
        *evidence,
        reason="{said}" + reason if said else _capital(reason),
        effect=effect,
        remedy=remedy,
        facts=facts or {},
        words={
            **words,
            "said": begins,
            _REALM: shown(realm) or context.words[_REALM],
            "where": f" in realm {shown(realm)}" if realm else "",
        },
    )


def _capital(reason: str) -> str:
    return reason.replace("{who}", "{Who}", 1) if reason.startswith("{who}") else reason[:1].upper() + reason[1:]


def grants(context: Context, verdict: Verdict, console_base: str | None, container: str, roles: RoleSet) -> tuple[Fix, ...]:
    """Grants of roles of a client that is not the owner of admin roles. They count in the next token, because these endpoints read the token."""
    there = context._replace(
        container=container,
        container_realm=context.caller.realm,
        requirement=None,
        facts=Facts(),
        missing=roles,
        grants_live=False,
    )
    hidden = not context.caller.has_roles_claims and not context.roles_are_hidden
    cause = Cause.SCOPE_EXCLUDES_ROLE if hidden else verdict.cause
    return grant(there, replace(verdict, cause=cause, missing=roles, container=container), console_base)
