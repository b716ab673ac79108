"""The simulator's public documents tell the version that it plays, as those of real servers do."""

import json

import aiohttp
import pytest

from kcproxy.catalog import Catalog
from kcproxy.catalog.fingerprint import DISCOVERY, PublicDocument, public_paths, versions_that_fit
from tests.simulator.stage import REALM, stage


@pytest.mark.parametrize("version", ["24.0.5", "25.0.6", "26.0.8", "26.1.4", "26.2.5", "26.3.5", "26.4.7", "26.5.6", "26.6.4", "26.7.5"])
async def test_public_documents_show_the_version(table: Catalog, version: str) -> None:
    responses: dict[str, PublicDocument] = {}
    async with stage(table, version=version) as on, aiohttp.ClientSession() as session:
        for name, path in public_paths(REALM).items():
            async with session.get(on.server.url + path) as answer:
                headers = {header.lower(): value for header, value in answer.headers.items()}
                text = await answer.text()
                responses[name] = PublicDocument(status=answer.status, headers=headers, body=json.loads(text) if text else {})
    discovery = responses.pop(DISCOVERY)
    assert versions_that_fit(discovery.body, responses) == (version,)
