"""Refusals of client registration: a role or an initial access token is needed, and then policies of the realm decide in addition.

Source: ClientRegistrationAuth, ClientRegistrationPolicyManager; measured on 26.7.5.
"""

import re
from collections.abc import Mapping

from kcproxy.explain.causes.neighbour_words import grants, neighbour, own_words, place
from kcproxy.explain.causes.spec import NOT_ALLOWED, CauseSpec, Remedy
from kcproxy.explain.context import MASTER, REALM_MANAGEMENT, Context
from kcproxy.explain.finding import CERTAIN, LIKELY, Finding
from kcproxy.explain.text import list_of, shown
from kcproxy.model import CallerKind, Cause, Fix, RoleSet, TargetKind, Verdict

PATH = "/clients-registrations/"
_POLICY = re.compile(r"Policy '(.*)' rejected request to client-registration service\.?(?: Details: (.*))?\Z", re.DOTALL)
_NEEDS: Mapping[str, tuple[RoleSet, ...]] = {
    "POST": (("create-client",), ("manage-clients",)),
    "GET": (("view-clients",), ("manage-clients",)),
}
_MANAGE: tuple[RoleSet, ...] = (("manage-clients",),)
_REGISTRATION_TOKEN = "the registration access token of that client, which is in the response that created it"  # noqa: S105 - a sentence, not a secret


def registration_policy(context: Context) -> Finding | None:
    """Keycloak names the policy. Roles and tokens were in order, or not needed: policies are asked after them."""
    match = _POLICY.match(own_words(context)) if _is_registration(context) else None
    if match is None:
        return None
    anonymous = context.caller.kind is CallerKind.ANONYMOUS
    asked = (context.request.body or {}).get("scope") if isinstance(context.request.body, dict) else None
    return neighbour(
        context,
        CERTAIN,
        "the request has no token" if anonymous else "the token of the request is sufficient: policies are checked after it",
        f"the request asks for the client scopes {shown(asked)}" if isinstance(asked, str) else "",
        cause=Cause.REGISTRATION_POLICY,
        reason="this client registration policy of realm {realm} refuses the client in the request, and no role or token changes that",
        facts={"details": match[2] or "", "anonymous": anonymous},
        policy=shown(match[1], 100),
        policies=_ANONYMOUS if anonymous else _AUTHENTICATED,
    )


_ANONYMOUS, _AUTHENTICATED = "Anonymous access polices", "Authenticated access polices"
"""The headings in the Admin console, in its own spelling."""


def _is_registration(context: Context) -> bool:
    return context.request.target.kind is TargetKind.OTHER and place(context)[1].startswith(PATH)


def fix_policy(context: Context, verdict: Verdict, _console_base: str | None) -> tuple[Fix, ...]:
    """Change the request, or the policy that refuses it. For requests without a token, a token is the third way."""
    match = _POLICY.match(own_words(context))
    name = shown(match[1], 100) if match else "that Keycloak names"
    details = str(verdict.facts.get("details", ""))
    own, change = next((ways for beginning, ways in _WAYS.items() if beginning in details.lower()), _ANY_WAY)
    anonymous = bool(verdict.facts.get("anonymous"))
    tab = _ANONYMOUS if anonymous else _AUTHENTICATED
    realm = shown(place(context)[0])
    token = (Fix(summary=_WITH_A_TOKEN, console=(f"Choose the realm {realm}", *_INITIAL_TOKEN_STEPS)),) if anonymous else ()
    return (
        Fix(summary=own),
        *token,
        Fix(
            summary=f"If clients like this one are meant to be registered in realm {realm}, change the policy {name}: {change}",
            console=(f"Choose the realm {realm}", f"Clients, tab Client registration, {tab}", f"Open {name}: {change}", "Save"),
            warning="The policy protects the realm against clients that register themselves: allow no more than is needed",
        ),
    )


_WITH_A_TOKEN = "Send an initial access token as Authorization: Bearer: the policies for requests without a token then play no part"  # noqa: S105 - a sentence
_INITIAL_TOKEN_STEPS = ("Clients, tab Initial access token, Create", "Choose a short expiration and a small count, and copy the token")
_WAYS: Mapping[str, tuple[str, str]] = {
    "clientscope": (
        "Register the client without client scopes that the policy does not list (member scope of the request)",
        "add the client scopes to Allowed client scopes",
    ),
    "protocolmapper": (
        "Register the client without protocol mappers of types that the policy does not list",
        "add the type to its list of allowed types",
    ),
    "host not trusted": (
        "Send the request from a host that the policy lists",
        "add the host that sends the request to Trusted hosts",
    ),
    "trusted host": (
        "Use only URLs (redirect URIs, home page) at hosts that the policy lists",
        "add the host of the URLs to Trusted hosts",
    ),
    "web origin": (
        "Register the client without web origins that the policy does not list",
        "add the origin to the allowed web origins",
    ),
    "max": ("Delete registered clients that are no longer used", "raise its limit of clients"),
    "full": ("Register the client with full scope off (fullScopeAllowed: false)", "delete it only if every new client may have full scope"),
}
"""A part of Keycloak's details in lower case; what the program can do, and what can be changed in the policy."""
_ANY_WAY = ("Change the client in the request so that it fits the policy", "let it allow what the request contains")

REGISTRATION_POLICY = CauseSpec(
    cause=Cause.REGISTRATION_POLICY,
    meaning="Client registration (`/realms/{realm}/clients-registrations/…`) checks policies of the realm in addition to the role `create-client` or the initial access token. "
    "There is one list for requests with a token and one for requests without. Keycloak names the policy. More roles do not change it.",
    reason="A client registration policy refuses the request",
    effect=NOT_ALLOWED,
    check="Open Clients, Client registration: does the policy that Keycloak names allow what the request contains?",
    rules=(registration_policy,),
    remedies=(Remedy(summary=_ANY_WAY[0]),),
    fixer=fix_policy,
    no_role_helps=True,
)


def registration_refused(context: Context) -> Finding | None:
    """What the method needs: a role in the token, an initial access token, or the client's own registration access token."""
    if not _is_registration(context) or registration_policy(context) is not None:
        return None
    owner = owner_of_roles(context)
    need = _NEEDS.get(context.method, _MANAGE)
    held = set(context.caller.client_roles.get(owner, ()))
    alone = "an initial access token" if context.method == "POST" else _REGISTRATION_TOKEN
    lacks = context.answer.status == 403 and not context.token_is_unread and not any(set(roles) <= held for roles in need)
    if not lacks:
        return neighbour(context, LIKELY, reason=_NEEDS_ANOTHER, effect=NOT_ALLOWED, remedy=_remedy(context), alone=alone)
    roles = " or ".join(list_of(roles) for roles in need)
    return neighbour(
        context,
        LIKELY,
        f"the token of {context.words['who']} does not name a role of {owner} that is enough",
        reason="the token of {who} is missing the role {one_of} (client {owner}), which is required unless the request has {alone}",
        effect=NOT_ALLOWED,
        facts={"grant": (owner, need[0]), "also": f"Without a role: send {alone} as Authorization: Bearer"},
        one_of=roles,
        owner=owner,
        alone=alone,
    )


_NEEDS_ANOTHER = "{who} needs {alone}, or a token with a role of the realm's administration that counts here"


def _remedy(context: Context) -> str:
    said = own_words(context).lower()
    if "count" in said or "initial access token" in said or "expired" in said:
        return (
            "Create a new initial access token (Clients, Initial access token, Create) with the count and expiration that the program needs"
        )
    if context.method == "POST":
        return "Send an initial access token (Clients, Initial access token, Create), or a token with the role create-client, as Authorization: Bearer"
    return "Send {alone} as Authorization: Bearer; updates and deletions return a new one, and the old one stops working"


def owner_of_roles(context: Context) -> str:
    """The client whose roles count: in master that of master itself (ClientRegistrationAuth.hasRole)."""
    return f"{MASTER}-realm" if place(context)[0] == MASTER else REALM_MANAGEMENT


def registration_fixes(context: Context, verdict: Verdict, console_base: str | None) -> tuple[Fix, ...]:
    """The grant that the token needs, and the way without a role."""
    wanted = verdict.facts.get("grant")
    if not isinstance(wanted, tuple):
        return ()
    also = verdict.facts.get("also")
    return (*grants(context, verdict, console_base, *wanted), *((Fix(summary=also),) if isinstance(also, str) else ()))


SPECS = (REGISTRATION_POLICY,)
