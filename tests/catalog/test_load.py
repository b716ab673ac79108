from copy import deepcopy

import pytest

from kcproxy import catalog
from kcproxy.catalog.versions import nearest
from kcproxy.errors import CatalogError
from tests.catalog.conftest import DOCUMENT


def test_every_table_can_be_read_and_has_a_least_set_if_any_set_is_enough() -> None:
    for version in catalog.versions():
        table = catalog.load(version)
        assert table.version == version
        for entry in table.operations:
            for requirement in (entry.requirement, *(variant.requirement for variant in entry.variants)):
                assert (requirement.least is None) == (not requirement.any_of)
                assert requirement.least is None or requirement.least in requirement.useful


def test_a_version_without_a_table_is_refused_by_name() -> None:
    with pytest.raises(CatalogError, match=r"no role table for Keycloak 9\.9\.9: there are .*26\.7\.4"):
        catalog.load("9.9.9")


def test_a_file_of_another_schema_is_refused() -> None:
    with pytest.raises(CatalogError, match="schema 2"):
        catalog.parse(DOCUMENT | {"schema": 2})


def test_a_wrong_line_is_named() -> None:
    document = deepcopy(DOCUMENT)
    document["operations"][6]["variants"][0]["when"] = {"moonPhase": "full"}
    with pytest.raises(CatalogError, match=r"partial-export.*moonPhase"):
        catalog.parse(document)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("26.7.4", "26.7.4"),
        ("26.7.1", "26.7.4"),
        ("26.7.9", "26.7.4"),
        ("26.6.2", "26.5.6"),
        ("26.8.2", "26.7.4"),
        ("27.0.0", "26.7.4"),
        ("22.0.5", "24.0.5"),
        ("26.5.0.redhat-00001", "26.5.6"),
        ("999.0.0-SNAPSHOT", "26.7.4"),
    ],
)
def test_the_nearest_table_is_of_the_same_minor_else_the_closest_older(wanted: str, found: str) -> None:
    assert nearest(wanted, ["24.0.5", "26.4.7", "26.5.6", "26.7.4"]) == found
