"""Fine-grained admin permissions on a real server: the cause, the object and the permission are named, and the first fix opens no more."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from devkit.lab import laboratory
from devkit.realserver.distribution import version_numbers
from tests.live.conftest import Keycloak
from tests.live.permission_situations import DENIED, MISSING, SITUATIONS, UNKNOWN_ID, PermissionSituation, given, one
from tests.live.permission_situations_further import FURTHER
from tests.live.permission_situations_reach import REACH
from tests.live.permission_stand import Stand

pytestmark = [pytest.mark.live, pytest.mark.timeout(1800)]


EVERY = (*SITUATIONS, *FURTHER, *REACH)


async def test_every_situation_is_explained_and_its_fix_opens_no_more(keycloak: Keycloak, tmp_path: Path) -> None:
    async with _stand(keycloak, tmp_path) as stand, stand.lab.proxy() as plain, stand.lab.proxy(stand.lab.inspector) as seeing:
        assert await _played(stand, plain, seeing) == []
        assert await _told_apart(stand, seeing) == []


@pytest.mark.live_long
@pytest.mark.parametrize("keycloak", ["26.4.7"], indirect=True)
async def test_every_situation_is_explained_on_an_older_version(keycloak: Keycloak, tmp_path: Path) -> None:
    async with _stand(keycloak, tmp_path) as stand, stand.lab.proxy() as plain, stand.lab.proxy(stand.lab.inspector) as seeing:
        assert await _played(stand, plain, seeing) == []
        assert await _told_apart(stand, seeing) == []


@asynccontextmanager
async def _stand(keycloak: Keycloak, folder: Path) -> AsyncIterator[Stand]:
    async with laboratory(keycloak, folder) as lab:
        lab.inspector = await lab.make_inspector()
        realm = await lab.make_realm(adminPermissionsEnabled=True, organizationsEnabled=True)
        await lab.allow_inspector(lab.inspector, realm)
        stand = Stand(lab=lab, realm=realm)
        await stand.build()
        yield stand


async def _played(stand: Stand, plain: str, seeing: str) -> list[str]:
    wrong: list[str] = []
    version = version_numbers(stand.lab.keycloak.version)
    for situation in EVERY:
        if version[:2] < situation.since:
            continue
        try:
            wrong += [f"{situation.says}: {line}" for line in await _judged(stand, situation, plain, seeing)]
        except AssertionError as error:
            wrong.append(f"{situation.says}: {error}")
    return wrong


HIDDEN = one(
    "another user is denied by name",
    "GET /users/{carol}",
    "",
    given("Users view carol", "others", "Closed"),
    control=f"GET /users/{UNKNOWN_ID}",
)


async def _told_apart(stand: Stand, seeing: str) -> list[str]:
    """A user who is denied by name and an ID that nobody has: the caller must get the same words for both."""
    known, unknown = await stand.play(HIDDEN)
    assert unknown is not None
    responses = [await stand.lab.send(seeing, attempt) for attempt in (known, unknown)]
    texts = [
        json.dumps(_lasting(each.explanation), sort_keys=True).replace(identifier, "ID")
        for each, identifier in zip(responses, (stand.ids["carol"], UNKNOWN_ID), strict=True)
    ]
    return [] if texts[0] == texts[1] and all("fine-grained-permission-missing" in text for text in texts) else texts


def _lasting(explanation: dict[str, Any]) -> dict[str, Any]:
    """Without what differs between two refusals of the same call."""
    return {key: value for key, value in explanation.items() if key not in {"id", "time", "denialId"}}


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
    if not {situation.truth, MISSING} & set(answer.causes) or (answer.cause != situation.truth and answer.confidence == "certain"):
        wrong.append(f"the caller is shown {answer.cause} {answer.confidence}")
    if situation.truth == DENIED and ("policy" in answer.explanation.get("summary", "") or "Closed" in str(answer.body)):
        wrong.append("the caller is shown the permission of others")
    is_sure = verdict.confidence.value in {situation.sure, "certain"}
    if verdict.cause.value != situation.truth or not is_sure or situation.named not in operators.summary:
        wrong.append(f"the operator is shown {verdict.cause.value} {verdict.confidence.value}: {operators.summary} {verdict.evidence}")
    elif situation.warned not in (operators.fixes[0].warning or ""):
        wrong.append(f"the first fix warns of {operators.fixes[0].warning}")
    elif situation.passes:
        wrong += await _fixed(stand, call, control, operators.fixes[0].curl, seeing)
    return wrong


async def _fixed(stand: Stand, call: object, control: object, commands: tuple[str, ...], seeing: str) -> list[str]:
    lab, outsider = stand.lab, stand.outsider
    assert outsider is not None
    before = await lab.send(lab.keycloak.base_url, outsider)
    await lab.carry_out_by_curl(list(commands))
    apart = await lab.send(lab.keycloak.base_url, outsider)
    after = await lab.send(seeing, call)  # type: ignore[arg-type]
    other = await lab.send(seeing, control) if control is not None else None  # type: ignore[arg-type]
    wrong = [] if after.status < 300 else [f"after {commands}: {after.status} {after.explanation.get('summary')}"]
    if before.status == 403 != apart.status:
        wrong.append(f"an account without rights gets {apart.status} after {commands}")
    return wrong if other is None or other.status == 403 else [*wrong, f"the control is open: {other.status}"]
