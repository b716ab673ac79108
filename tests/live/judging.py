"""What is asked of each situation: through a proxy without look-ups and through one with an inspector."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from devkit.lab import Attempt, Client, Lab, ResponseWriter, laboratory
from tests.live.conftest import Keycloak
from tests.live.situations import Situation


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A lab with its two proxies."""

    lab: Lab
    plain: str
    seeing: str


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The same refusal explained twice, and, where the fix is a command, the answer after it was carried out."""

    plain: ResponseWriter
    seeing: ResponseWriter
    fixed: ResponseWriter | None = None


@asynccontextmanager
async def bench(keycloak: Keycloak, folder: Path) -> AsyncIterator[Bench]:
    """Set up once for all situations of a version."""
    async with laboratory(keycloak, folder) as lab:
        lab.inspector = await lab.make_inspector()
        async with lab.proxy() as plain, lab.proxy(lab.inspector) as seeing:
            yield Bench(lab=lab, plain=plain, seeing=seeing)


async def play(bench: Bench, situation: Situation, *, run_fix: bool = True) -> Outcome:
    """Make it true, send the request twice, carry out the fix, send it again."""
    attempt = await situation.build(bench.lab)
    plain = await bench.lab.send(bench.plain, attempt)
    seeing = await bench.lab.send(bench.seeing, attempt)
    fixed = await _after_fix(bench, attempt, seeing) if run_fix and situation.fixed else None
    return Outcome(plain=plain, seeing=seeing, fixed=fixed)


async def _after_fix(bench: Bench, attempt: Attempt, refused: ResponseWriter) -> ResponseWriter:
    await bench.lab.carry_out(refused.explanation["fixes"][0]["kcadm"])
    reads_tokens = attempt.renew or bench.lab.keycloak.version < "26.7"
    if reads_tokens and isinstance(attempt.client, Client):
        attempt.token = await bench.lab.token(attempt.client, user=attempt.user)  # as the fix says
    return await bench.lab.send(bench.seeing, attempt)


def check(situation: Situation, outcome: Outcome) -> None:
    """The promises: with look-ups right, without them never wrongly sure, and fixes that work."""
    plain, seeing = outcome.plain, outcome.seeing
    assert (plain.status, seeing.status) == (situation.status, situation.status)
    assert situation.truth.value in plain.causes
    assert plain.cause == situation.truth or plain.confidence != "certain"
    assert (seeing.cause, seeing.confidence or "") == (situation.truth.value, situation.sure), seeing.explanation
    if outcome.fixed is not None:
        assert outcome.fixed.status < 300, outcome.fixed.body
