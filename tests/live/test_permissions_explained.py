"""Fine-grained admin permissions on a real server: the cause, the object and the permission are named, and the first fix opens no more."""

from pathlib import Path

import pytest

from devkit.lab import laboratory
from tests.live.conftest import Keycloak
from tests.live.permission_situations import DENIED, MISSING, SITUATIONS, PermissionSituation, Stand

pytestmark = [pytest.mark.live, pytest.mark.timeout(1800)]


async def test_every_situation_is_explained_and_its_fix_opens_no_more(keycloak: Keycloak, tmp_path: Path) -> None:
    wrong: list[str] = []
    async with laboratory(keycloak, tmp_path) as lab:
        lab.inspector = await lab.make_inspector()
        realm = await lab.make_realm(adminPermissionsEnabled=True, organizationsEnabled=True)
        await lab.allow_inspector(lab.inspector, realm)
        stand = Stand(lab=lab, realm=realm)
        await stand.build()
        async with lab.proxy() as plain, lab.proxy(lab.inspector) as seeing:
            for situation in SITUATIONS:
                try:
                    wrong += [f"{situation.says}: {line}" for line in await _judged(stand, situation, plain, seeing)]
                except AssertionError as error:
                    wrong.append(f"{situation.says}: {error}")

    assert wrong == []


async def _judged(stand: Stand, situation: PermissionSituation, plain: str, seeing: str) -> list[str]:
    lab, wrong = stand.lab, []
    call, control = await stand.play(situation)
    alone, answer = await lab.send(plain, call), await lab.send(seeing, call)
    operators = lab.events.denials[-1]
    verdict = operators.verdict
    if (answer.status, alone.status) != (403, 403):
        return [f"status {alone.status} and {answer.status}"]
    if situation.truth not in alone.causes or alone.confidence == "certain":
        wrong.append(f"without look-ups {alone.causes} {alone.confidence}")
    if answer.cause not in {situation.truth, MISSING} or (answer.cause != situation.truth and answer.confidence == "certain"):
        wrong.append(f"the caller is shown {answer.cause} {answer.confidence}")
    if situation.truth == DENIED and ("policy" in answer.explanation.get("summary", "") or "Closed" in str(answer.body)):
        wrong.append("the caller is shown the permission of others")
    if (verdict.cause.value, verdict.confidence.value) != (situation.truth, situation.sure) or situation.named not in operators.summary:
        wrong.append(f"the operator is shown {verdict.cause.value} {verdict.confidence.value}: {operators.summary} {verdict.evidence}")
    elif situation.passes:
        wrong += await _fixed(stand, call, control, operators.fixes[0].curl, seeing)
    return wrong


async def _fixed(stand: Stand, call: object, control: object, commands: tuple[str, ...], seeing: str) -> list[str]:
    lab = stand.lab
    await lab.carry_out_by_curl(list(commands))
    after = await lab.send(seeing, call)  # type: ignore[arg-type]
    other = await lab.send(seeing, control) if control is not None else None  # type: ignore[arg-type]
    wrong = [] if after.status < 300 else [f"after {commands}: {after.status} {after.explanation.get('summary')}"]
    return wrong if other is None or other.status == 403 else [*wrong, f"the control is open: {other.status}"]
