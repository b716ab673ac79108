"""A fix carried out to the letter, and what it has to leave behind."""

from collections.abc import Mapping
from typing import Any

from tools.fixloop.kcadm import CommandFailed, Done, Kcadm
from tools.fixloop.lane import Lane
from tools.measure.sets import RoleSet


class Wrong(Exception):
    """The loop does not close; the message says where."""


async def carry_out(kcadm: Kcadm, lane: Lane, fix: Mapping[str, Any], *, held: RoleSet, in_shell: bool) -> None:
    """The fix's commands, word for word; then the account has to hold what it held and what the fix names, and nothing else.

    With `in_shell` kcadm.sh does it first, in a shell: it has to say and to leave behind the same as its main class does.
    """
    commands, roles = tuple(fix["kcadm"]), frozenset(fix["roles"])
    (account,) = lane.accounts.values()
    if "new token" in str(fix.get("summary")):
        account.brought = ""
    if account.realm.name in lane.own_names:
        await kcadm.log_in()  # older versions read the administrator's rights on a new realm from the token
    outcomes: list[list[Done]] = []
    for run in (kcadm.run_in_shell, kcadm.run) if in_shell else (kcadm.run,):
        await account.hold(held)
        outcomes.append([await run(command) for command in commands])
        _must_succeed(commands, outcomes[-1])
        now = await account.held()
        if now != held | roles:
            raise Wrong(f"after {' and '.join(commands)}: the account holds {sorted(now)}")
    if outcomes[0] != outcomes[-1]:
        raise Wrong(f"kcadm.sh and its main class differ: {outcomes[0]}, {outcomes[-1]}")


def _must_succeed(commands: tuple[str, ...], ended: list[Done]) -> None:
    for command, done in zip(commands, ended, strict=True):
        if done.code != 0:
            raise CommandFailed(f"{command}: {done.code} {done.err or done.out}")
