"""The stored labels of the Admin console are those of the distributions."""

import json

import pytest

from devkit.realserver import fetch_distribution
from tools.console_labels.__main__ import DATA
from tools.console_labels.read import KEYS, read

STORED = json.loads(DATA.read_text(encoding="utf-8"))
OF_OTHER_TESTS = ("24.0.5", "26.4.7", "26.7.5")
"""Versions that other live tests run, so that their distributions are fetched anyway. The others are only tried by name."""


@pytest.mark.usefixtures("needs_real_keycloak")
@pytest.mark.parametrize(
    "version",
    [
        pytest.param(version, marks=pytest.mark.live if version in OF_OTHER_TESTS else pytest.mark.live_long)
        for version in STORED["versions"]
    ],
)
def test_the_stored_labels_are_those_of_the_distribution(version: str) -> None:
    stored = STORED["versions"][version]
    texts = {**STORED["texts"], **stored["texts"]}
    assert {**stored, "texts": {key: texts[key] for key in KEYS if key in texts}} == read(fetch_distribution(version))
