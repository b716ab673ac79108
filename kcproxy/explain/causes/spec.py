"""What a cause consists of: one frozen value with everything that the program decides and says about it."""

from collections.abc import Callable

from msgspec import Struct

from kcproxy.explain.context import Context
from kcproxy.explain.finding import OpenRule, Rule
from kcproxy.model import Cause, Fix, Verdict

Fixer = Callable[[Context, Verdict, str | None], tuple[Fix, ...]]
"""Makes fixes with commands. The last argument is the address of the Admin console, if it is known."""

FOR_OPERATION = " for {operation}{where}."
NOT_ALLOWED = ", so {who} may not call {operation}{where}."
NOT_WITH_THIS_TOKEN = ", so {who} may not call {operation}{where} with this token."  # noqa: S105 - a sentence, not a secret
REFUSED = ", so Keycloak refuses {operation}{where}."
NO_TOKEN = ", so realm {realm} issues no token."  # noqa: S105 - a sentence, not a secret
NOTHING_MORE = "."


class Remedy(Struct, frozen=True, kw_only=True):
    """A fix in words: one sentence, and the steps in the order in which they are done."""

    summary: str
    steps: tuple[str, ...] = ()
    warning: str | None = None


class CauseSpec(Struct, frozen=True, kw_only=True):
    """One cause. ``reason`` and ``effect`` together are its sentence; as an alternative it is printed with the reason alone.

    Placeholders in ``reason``, ``effect``, ``check`` and remedies: who (Who at the beginning of a sentence), client, realm, where, caller_realm, container,
    container_realm, operation, version, entry (of the proxy's settings), roles, roles_phrase (Roles_phrase), are, were; and the words that a rule adds.
    """

    cause: Cause
    meaning: str
    """A few sentences for people who meet this cause for the first time. Markdown."""
    reason: str
    """What is missing or wrong, without a full stop."""
    effect: str
    """The second half of the sentence: what does not work because of it, with the full stop."""
    check: str
    """How to tell this cause from others."""
    rules: tuple[Rule, ...]
    """The rules that find it. ``decide`` has the order in which all rules are tried."""
    left_open: tuple[OpenRule, ...] = ()
    """What lists it as possible as long as nothing rules it out."""
    remedies: tuple[Remedy, ...] = ()
    """The fix in words, if no fixer applies."""
    fixer: Fixer | None = None
    states_confidence: bool = True
    """Whether the sentence ends with its confidence if it is not certain. False for sentences that claim no more than is known."""
    no_role_helps: bool = False
    """Whether the refusal is not about admin roles at all. Then no header field names a role, and none says that the token has too few."""
    is_about_a_role: bool = False
    """Whether hints about roles with less power apply."""


NEW_TOKEN = Remedy(
    summary="Fetch a new token for client {client} from realm {caller_realm} and repeat the request with it",
    steps=(
        "Discard the current token",
        "Request a new token from the token endpoint of realm {caller_realm}",
        "Repeat the request with it",
    ),
)
