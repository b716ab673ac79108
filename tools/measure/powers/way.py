"""A way from a role to power: its name, what it yields, what it needs, and the attempt."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tools.measure.powers.intruder import Intruder

Attempt = Callable[["Intruder"], Awaitable[None]]


class Yields(StrEnum):
    """What a way gives, the strongest first."""

    BECOMES_ADMIN = "becomes-admin"
    ACTS_AS_OTHER = "acts-as-other"
    READS_SECRETS = "reads-secrets"
    DESTROYS = "destroys"
    CHANGES = "changes"
    READS = "reads"


class Ease(StrEnum):
    """How much must be there already, the least first."""

    ALWAYS = "always"  # works in every realm
    USUAL = "usual"  # takes what most realms have, such as an administrator's account
    SPECIAL = "special"  # takes an object that some realms have
    LURED = "lured"  # takes an administrator who follows a link


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way. `says` completes "The holder of the role can …"; `needs` completes "if …", and is empty if nothing is needed."""

    id: str
    yields: Yields
    ease: Ease
    says: str
    needs: str
    attempt: Attempt
    own_realm: bool
    """Whether success changes what other tries in the realm would meet."""
    listens: bool
    """Whether it takes one of the sinks, which all tries share."""
    since: tuple[int, ...]


WAYS: dict[str, Way] = {}


def way(
    name: str,
    yields: Yields,
    says: str,
    *,
    ease: Ease = Ease.ALWAYS,
    needs: str = "",
    own_realm: bool = False,
    listens: bool = False,
    since: tuple[int, ...] = (0,),
) -> Callable[[Attempt], Attempt]:
    """Register an attempt as a way. The attempt returns if it worked, and raises Refused or Fruitless if it did not."""

    def register(attempt: Attempt) -> Attempt:
        if name in WAYS:
            raise ValueError(f"two ways are called {name}")
        WAYS[name] = Way(
            id=name, yields=yields, ease=ease, says=says, needs=needs, attempt=attempt, own_realm=own_realm, listens=listens, since=since
        )
        return attempt

    return register


class Refused(Exception):
    """Keycloak refused a call of the way: `step` is its number, from 1."""

    def __init__(self, *, step: int, status: int) -> None:
        """Keep both."""
        super().__init__(f"call {step} got {status}")
        self.step = step
        self.status = status


class Fruitless(Exception):
    """All calls passed, or a login failed, and the power was not gained; the message says what was seen."""


NOT_SHOWN = "what was looked for is not in what was received"
"""Why a way that only looks was fruitless."""
