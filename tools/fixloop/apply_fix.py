"""Runs the printed commands of a fix unchanged, and checks which roles the account holds afterwards."""

from collections.abc import Mapping
from typing import Any

from tools.fixloop.kcadm import CommandFailed, Done, Kcadm
from tools.fixloop.worker import Worker
from tools.measure.sets import RoleSet


class Wrong(Exception):
    """A step of the loop gave an unexpected result. The message says which."""


async def apply_fix(kcadm: Kcadm, worker: Worker, fix: Mapping[str, Any], *, held: RoleSet, in_shell: bool) -> None:
    """Run the fix's commands unchanged. Afterwards the account must hold its earlier roles and those of the fix, and no other.

    With `in_shell`, kcadm.sh runs them in a shell first. Output and result must equal those of its main class.
    Raises Wrong, or CommandFailed if a command ends with an exit code other than 0.
    """
    commands, roles = tuple(fix["kcadm"]), frozenset(fix["roles"])
    (account,) = worker.accounts.values()
    if "new token" in str(fix.get("summary")):
        account.brought = ""
    if account.realm.name in worker.own_names:
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
