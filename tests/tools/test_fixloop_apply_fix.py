"""A fix counts only where its commands succeed and leave behind exactly what it said."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from tools.fixloop.apply_fix import Wrong, apply_fix
from tools.fixloop.calls import judged
from tools.fixloop.kcadm import CommandFailed, Done, Kcadm
from tools.fixloop.worker import Worker
from tools.measure.judge import Outcome, Seen

FIX = {"summary": "Grant it", "roles": ["view-users"], "kcadm": ["kcadm.sh add-roles --rolename view-users"]}


class Ledger:
    """An account of which only the roles matter, and a kcadm that changes them."""

    def __init__(self, *, grants: str = "view-users", code: int = 0, shell_says: str = "") -> None:
        self.roles: set[str] = {"left-over"}
        self.realm = SimpleNamespace(name="read-1")
        self.brought = "token"
        self.done: list[str] = []
        self._grants, self._code, self._shell_says = grants, code, shell_says

    async def held(self) -> frozenset[str]:
        return frozenset(self.roles)

    async def hold(self, roles: frozenset[str]) -> None:
        self.roles = set(roles)

    async def run(self, printed: str) -> Done:
        self.done.append(printed)
        self.roles.add(self._grants)
        return Done(code=self._code, out="", err="no")

    async def run_in_shell(self, printed: str) -> Done:
        done = await self.run(printed)
        return Done(code=done.code, out=self._shell_says, err=done.err)

    async def log_in(self) -> None:
        self.done.append("login")


async def carried_out(ledger: Ledger, fix: dict[str, Any] = FIX, *, own: tuple[str, ...] = (), in_shell: bool = False, **more: Any) -> None:
    worker = cast(Worker, SimpleNamespace(accounts={"read-1": ledger}, own_names=own))
    await apply_fix(cast(Kcadm, ledger), worker, fix, held=more.get("held", frozenset()), in_shell=in_shell)


async def test_the_account_holds_what_the_fix_names_and_nothing_of_before() -> None:
    ledger = Ledger()
    await carried_out(ledger)
    assert ledger.roles == {"view-users"}
    assert ledger.done == FIX["kcadm"]
    assert ledger.brought == "token"


async def test_a_second_fix_adds_to_the_first() -> None:
    ledger = Ledger()
    await carried_out(ledger, held=frozenset({"view-realm"}))
    assert ledger.roles == {"view-realm", "view-users"}


@pytest.mark.parametrize(
    ("ledger", "in_shell", "error", "says"),
    [
        (Ledger(grants="manage-users"), False, Wrong, "the account holds"),
        (Ledger(grants="realm-admin"), True, Wrong, "the account holds"),
        (Ledger(code=1), False, CommandFailed, "add-roles"),
        (Ledger(shell_says="another word"), True, Wrong, "differ"),
    ],
    ids=["another role", "more power", "a command that fails", "a shell that says something else"],
)
async def test_anything_else_is_no_cure(ledger: Ledger, in_shell: bool, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        await carried_out(ledger, in_shell=in_shell)


async def test_in_a_realm_just_made_the_administrator_logs_in_anew() -> None:
    ledger = Ledger()
    await carried_out(ledger, own=("read-1",))
    assert ledger.done == ["login", *FIX["kcadm"]]


async def test_a_token_of_ones_own_is_fetched_anew_where_the_fix_says_so() -> None:
    ledger = Ledger()
    await carried_out(ledger, {**FIX, "summary": "Grant it; then fetch a new token"})
    assert ledger.brought == ""


@pytest.mark.parametrize(
    ("base", "got", "outcome"),
    [
        (Seen(status=200, body=[1]), Seen(status=403), Outcome.REFUSED),
        (Seen(status=403), Seen(status=403), Outcome.REFUSED),
        (Seen(status=404), Seen(status=404), Outcome.FULL),
        (Seen(status=200, body=[1, 2]), Seen(status=200, body=[1]), Outcome.REDUCED),
        (Seen(status=200, body=[1]), Seen(status=200, body=[1]), Outcome.FULL),
    ],
    ids=["refused", "refused as realm-admin is", "past the check", "reduced", "full"],
)
def test_a_403_is_a_refusal_whatever_realm_admin_gets(base: Seen, got: Seen, outcome: Outcome) -> None:
    assert judged(base, got).outcome is outcome
