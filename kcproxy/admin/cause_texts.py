"""What can be said of a cause without a request: the content of its page, for docs/causes and for the pages that the admin port serves."""

from collections.abc import Iterator
from dataclasses import dataclass
from string import Formatter

from kcproxy.explain.causes import SPECS
from kcproxy.explain.causes.spec import CauseSpec
from kcproxy.model import Cause

_WORDS = {
    "where": " in realm *realm*",
    "operation": "*method and path*",
    "who": "*caller*",
    "Who": "*caller*",
    "roles_phrase": "the role *role* (client *client*)",
    "Roles_phrase": "The role *role* (client *client*)",
    "are": "is",
    "were": "was",
}
_GRANTED = (
    "Grant exactly the missing role to exactly the account that calls. The explanation has the steps for the Admin console and the commands for kcadm.sh, curl "
    "and Terraform, with the real names."
)
_REDUCED = "Grant the roles that the notice names if the reduced response is not enough."
_ISSUER = "Fetch the token from the address at which it is used, or give Keycloak one fixed address with the option `hostname`."


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainRemedy:
    """A fix in words: a sentence, the steps in their order, and a warning."""

    summary: str
    steps: tuple[str, ...] = ()
    warning: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CausePage:
    """The page of one cause. Texts are Markdown, with nothing but ``code`` and *placeholders*."""

    cause: Cause
    sentence: str
    meaning: str
    check: str
    remedies: tuple[PlainRemedy, ...]
    example_follows: bool
    """Whether the remedy is a set of commands with real names, so that an example shows more."""


def cause_page(cause: Cause) -> CausePage:
    """The page of a cause."""
    spec = SPECS[cause]
    return CausePage(
        cause=cause,
        sentence=plain(spec.reason + spec.effect),
        meaning=spec.meaning,
        check=plain(spec.check),
        remedies=tuple(_remedies(spec)),
        example_follows=not spec.remedies and cause not in {Cause.RESPONSE_REDUCED, Cause.ISSUER_MISMATCH},
    )


def plain(template: str) -> str:
    """A template of a cause with the names of its placeholders in place of values."""
    text = []
    for literal, name, _, _ in Formatter().parse(template):
        text.append(literal)
        if name:
            text.append(_WORDS.get(name, f"*{name.replace('_', ' ')}*"))
    result = "".join(text)
    return result if result.startswith("*") else result[:1].upper() + result[1:]


def _remedies(spec: CauseSpec) -> Iterator[PlainRemedy]:
    if spec.cause is Cause.RESPONSE_REDUCED:
        yield PlainRemedy(summary=_REDUCED)
    elif not spec.remedies:
        yield PlainRemedy(summary=_ISSUER if spec.cause is Cause.ISSUER_MISMATCH else _GRANTED)
    for remedy in spec.remedies if spec.cause is not Cause.RESPONSE_REDUCED else ():
        yield PlainRemedy(summary=plain(remedy.summary) + ".", steps=tuple(map(plain, remedy.steps)), warning=remedy.warning)
