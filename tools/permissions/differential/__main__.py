"""Compare the evaluator of kcproxy.permissions with a real server: `python -m tools.permissions.differential VERSION [--count N]`.

Exit code 1 where the evaluator was sure and the server did otherwise.
"""

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path

from devkit.realserver import LONG_RUN, RealServer
from tools.measure.http import Server
from tools.measure.run import say
from tools.measure.stage import Version
from tools.permissions.differential.additions import Tried, additions_tried
from tools.permissions.differential.ask import Answered, Asker
from tools.permissions.differential.generate import configuration
from tools.permissions.differential.realm import SmallRealm
from tools.permissions.differential.record import case, head, lines
from tools.permissions.differential.rules import RULES, Rule

REFUSED = 403


def main() -> int:
    """The program."""
    parser = argparse.ArgumentParser(prog="python -m tools.permissions.differential", description=__doc__)
    parser.add_argument("version")
    parser.add_argument("--count", type=int, default=100, help="how many configurations")
    parser.add_argument("--seed", type=int, default=1, help="the first one's seed")
    parser.add_argument("--rules", action="store_true", help="the rules of evaluation, made by hand, instead of random configurations")
    parser.add_argument(
        "--additions", action="store_true", help="put what the evaluator proposes for refused calls in force, and call again"
    )
    parser.add_argument("--url", help="a running server (admin/admin) instead of a new one")
    parser.add_argument("--record", type=Path, help="write what was asked and answered to this file")
    given = parser.parse_args()
    seeds = range(given.seed, given.seed + given.count)
    if given.url:
        return asked_of(given.url, given, seeds)
    with RealServer(given.version, jvm_options=LONG_RUN) as server:
        return asked_of(server.base_url, given, seeds)


def asked_of(base_url: str, given: argparse.Namespace, seeds: Sequence[int]) -> int:
    """What was asked for, on a running server; the exit code."""
    if given.rules:
        return asyncio.run(rules_hold(base_url, given.version))
    if given.additions:
        return asyncio.run(additions_hold(base_url, given.version, seeds))
    return finished(asyncio.run(compared(base_url, given.version, seeds)), given.version, given.record)


async def additions_hold(base_url: str, version: str, seeds: Sequence[int]) -> int:
    """Print how many additions of each kind opened what was refused; 1 if one did not, or opened a control object."""
    counts: Counter[str] = Counter()
    async with Server(base_url) as server:
        await server.login("admin", "admin")
        async for each in additions_asked(server, Version(text=version), seeds):
            counts[f"{each.addition} {'works' if each.works else 'fails'}"] += 1
            counts["controls that stay closed"] += each.control == REFUSED
            if not each.works:
                say(f"{each.seed_says}: before {each.before}, after {each.after}, control {each.control}")
    print(f"{version}: {len(seeds)} configurations, {dict(sorted(counts.items()))}")
    return 1 if any(name.endswith("fails") for name in counts) else 0


async def additions_asked(server: Server, version: Version, seeds: Sequence[int]) -> AsyncIterator[Tried]:
    """Every addition for the refused calls of these configurations, in a realm of its own."""
    realm = SmallRealm(server=server, version=version, name="additions")
    await realm.build()
    asker = Asker(realm=realm, now=datetime.now())  # noqa: DTZ005 - the server is on this machine, in its time zone
    for seed in seeds:
        async for each in additions_tried(asker, configuration(seed, realm.types, 4)):
            yield each
    await server.ask("DELETE", realm.path)


async def rules_hold(base_url: str, version: str) -> int:
    """Print each rule with what the server, the evaluator and `policy/evaluate` say; 1 where server or evaluator break one."""
    broken = 0
    async with Server(base_url) as server:
        await server.login("admin", "admin")
        async for rule, answer in rules_asked(server, Version(text=version)):
            expected = rule.expected(Version(text=version).numbers)
            broken += not answer.allowed == answer.expected == expected
            print(f"{rule.says}: {answer.status}, expected {expected}, evaluator {answer.expected}, policy/evaluate {answer.evaluated}")
    print(f"{version}: {broken} rules broken")
    return 1 if broken else 0


async def rules_asked(server: Server, version: Version) -> AsyncIterator[tuple[Rule, Answered]]:
    """Every rule that the version has the scopes for, asked in a realm of its own."""
    realm = SmallRealm(server=server, version=version, name="rules-of-evaluation")
    await realm.build()
    asker = Asker(realm=realm, now=datetime.now())  # noqa: DTZ005 - the server is on this machine, in its time zone
    for rule in RULES:
        if version.numbers >= rule.needs:
            _, (answer,) = await asker.ask(rule.configuration)
            yield rule, answer
    await server.ask("DELETE", realm.path)


def finished(outcome: tuple[list[str], Counter[str]], version: str, record: Path | None) -> int:
    """Write the record and the counts; the exit code."""
    kept, counts = outcome
    if record:
        record.write_text("\n".join(kept) + "\n")
    print(f"{version}: {len(kept) - 1} configurations, {dict(sorted(counts.items()))}")
    return 1 if counts["differs"] else 0


async def compared(base_url: str, version: str, seeds: Sequence[int]) -> tuple[list[str], Counter[str]]:
    """Ask about every seed's configuration: the record's lines and the counts; each difference is printed at once."""
    counts: Counter[str] = Counter()
    kept = []
    async with Server(base_url) as server:
        await server.login("admin", "admin")
        realm = SmallRealm(server=server, version=Version(text=version), name=f"differential-{seeds[0]}")
        await realm.build()
        kept.append(head(realm))
        for seed in seeds:
            asker = Asker(realm=realm, now=datetime.now())  # noqa: DTZ005 - the server is on this machine, in its time zone
            read, responses = await asker.ask(configuration(seed, realm.types))
            kept.append(case(seed, realm, read, responses))
            for each in responses:
                counts.update(_judged(seed, each))
        await server.ask("DELETE", realm.path)
    return list(lines(kept, realm.ids)), counts


def _judged(seed: int, each: Answered) -> list[str]:
    found = [f"status {each.status}"]
    if each.expected is None:
        found.append("open")
    elif each.expected == each.allowed and (each.allowed or each.status == REFUSED):
        found.append("agrees")
    else:
        found.append("differs")
        say(
            f"seed {seed}: {each.caller} {each.question.probe} {each.question.needs}: status {each.status}, expected {each.expected}: {_why(each)}"
        )
    if None not in each.evaluated:
        agrees = all(each.evaluated) == each.allowed
        found.append(f"policy/evaluate {'agrees' if agrees else 'differs'} with the call")
        if each.expected is not None and not agrees:
            found.append("policy/evaluate differs, the evaluator agrees" if each.expected == each.allowed else "both differ")
    return found


def _why(each: Answered) -> str:
    return "; ".join(
        f"{decision.scope}: {decision.outcome} "
        + ", ".join(
            f"{one.permission.name}[{one.permission.type} {sorted(one.permission.scopes)} {len(one.permission.objects)}]={one.effect}"
            for one in decision.considered
        )
        for decision in each.decisions
    )


if __name__ == "__main__":
    sys.exit(main())
