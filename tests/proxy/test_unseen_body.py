"""A request body that is too large to be kept, and the explanation of its refusal."""

import json
import time

import pytest

from devkit.servers import FORBIDDEN, Events, RecordingUpstream, running_proxy
from kcproxy.catalog import default_version, load
from kcproxy.proxy.explainer import LiveExplainer
from kcproxy.settings import ExplainSettings

ROLE_MAPPING = "/admin/realms/demo/users/4/role-mappings/clients/7"


@pytest.mark.parametrize(("size", "unseen"), [(10, False), (200_000, True)])
async def test_the_evidence_says_that_it_was_not_seen(upstream: RecordingUpstream, size: int, *, unseen: bool) -> None:
    upstream.react = lambda _: FORBIDDEN
    explainer = LiveExplainer(ExplainSettings(), Events(), catalog=lambda: load(default_version()), version=lambda: None, now=time.time)
    body = json.dumps([{"name": "x" * size}]).encode()
    async with running_proxy(upstream.port, explainer=explainer) as proxy:
        got = await proxy.get(ROLE_MAPPING, "Content-Type: application/json", method="POST", body=body)
    evidence = json.loads(got.body)["explanation"]["evidence"]
    assert any("the request body was not seen" in line for line in evidence) is unseen
    assert upstream.requests[-1].body == body
