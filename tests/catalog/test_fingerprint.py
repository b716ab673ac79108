"""The version of a server from what it shows to everyone, on answers recorded from real servers."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from kcproxy.catalog.fingerprint import DISCOVERY, PublicDocument, public_paths, versions_that_fit

RECORDED = Path(__file__).with_name("recorded")
VERSIONS = ["24.0.5", "25.0.6", "26.0.8", "26.1.4", "26.2.5", "26.3.5", "26.4.7", "26.5.6", "26.6.4", "26.7.5"]
OTHER_RELEASES = [
    *[("24.0.0", "24.0.5"), ("25.0.0", "25.0.6"), ("26.0.0", "26.0.8"), ("26.1.0", "26.1.4"), ("26.2.0", "26.2.5")],
    *[("26.3.1", "26.3.5"), ("26.4.0", "26.4.7"), ("26.5.0", "26.5.6"), ("26.7.0", "26.7.5")],
]


def responses(name: str) -> dict[str, PublicDocument]:
    content: dict[str, dict[str, Any]] = json.loads((RECORDED / f"{name}.json").read_text())
    return {name: PublicDocument(status=one["status"], headers=one["headers"], body=one["body"]) for name, one in content.items()}


def fitting(given: Mapping[str, PublicDocument]) -> tuple[str, ...]:
    return versions_that_fit(given[DISCOVERY].body, given)


def with_header(given: Mapping[str, PublicDocument], name: str, **headers: str | None) -> dict[str, PublicDocument]:
    old = given[name]
    changed = dict(old.headers) | {key.replace("_", "-"): value for key, value in headers.items()}
    return dict(given) | {name: replace(old, headers={key: value for key, value in changed.items() if value is not None})}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_measured_version_is_recognised_from_its_public_answers(version: str) -> None:
    assert fitting(responses(version)) == (version,)


def test_an_older_measured_version_of_a_line_is_taken_for_the_newest() -> None:
    assert fitting(responses("26.7.4")) == ("26.7.5",)


@pytest.mark.parametrize(("release", "measured"), OTHER_RELEASES)
def test_the_first_release_of_a_line_is_taken_for_the_measured_one_of_the_same_line(release: str, measured: str) -> None:
    assert fitting(responses(f"other-releases/{release}")) == (measured,)


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("24.0.5", ("24.0.5", "25.0.6")),
        ("25.0.6", ("24.0.5", "25.0.6")),
        ("26.0.8", ("26.0.8",)),
        ("26.1.4", ("26.1.4",)),
        ("26.2.5", ("26.2.5", "26.3.5")),
        ("26.3.5", ("26.2.5", "26.3.5")),
        ("26.4.7", ("26.4.7", "26.5.6", "26.6.4", "26.7.5")),
        ("26.7.5", ("26.4.7", "26.5.6", "26.6.4", "26.7.5")),
    ],
)
def test_the_discovery_document_alone_leaves_several_versions_open(version: str, expected: tuple[str, ...]) -> None:
    assert versions_that_fit(responses(version)[DISCOVERY].body) == expected


@pytest.mark.parametrize(
    ("missing", "version", "expected"),
    [
        ("oauth-authorization-server", "24.0.5", ("24.0.5", "25.0.6")),
        ("certs", "26.3.5", ("26.2.5", "26.3.5")),
        ("console-messages", "26.5.6", ("26.4.7", "26.5.6", "26.6.4", "26.7.5")),
    ],
)
def test_each_further_answer_tells_something_apart(missing: str, version: str, expected: tuple[str, ...]) -> None:
    assert fitting({name: answer for name, answer in responses(version).items() if name != missing}) == expected


def test_an_answer_that_no_keycloak_gives_is_left_aside() -> None:
    given = responses("26.3.5") | {"certs": PublicDocument(status=403, body={"message": "blocked"})}
    assert fitting(given) == ("26.2.5", "26.3.5")


def test_contradicting_headers_leave_the_word_to_the_discovery_document() -> None:
    given = with_header(responses("26.7.5"), "certs", content_type="application/json;charset=UTF-8")
    assert fitting(given) == ("26.4.7", "26.5.6", "26.6.4", "26.7.5")


def test_a_console_in_other_languages_is_not_taken_for_another_version() -> None:
    given = responses("26.7.5") | {"console-messages": PublicDocument(status=200, body={"locale_en": "English"})}
    assert fitting(given) == ("26.4.7", "26.5.6", "26.6.4", "26.7.5")


@pytest.mark.parametrize(
    "discovery", [{}, {"issuer": "https://login.example"}, {"check_session_iframe": "x", "prompt_values_supported": ["none"]}], ids=str
)
def test_a_document_of_no_measured_version_fits_none(discovery: dict[str, Any]) -> None:
    assert versions_that_fit(discovery) == ()


@pytest.mark.parametrize(
    "addition",
    [
        {"scopes_supported": ["openid", "basic", "organization", "service_account"]},
        {"dpop_signing_alg_values_supported": ["ES256"]},
        {"acr_values_supported": ["gold"]},
    ],
    ids=lambda value: next(iter(value)),
)
def test_what_an_administrator_can_switch_does_not_change_the_version(addition: dict[str, Any]) -> None:
    given = responses("24.0.5")
    assert versions_that_fit({**given[DISCOVERY].body, **addition}, given) == ("24.0.5",)


def test_the_paths_to_ask_are_those_of_the_realm() -> None:
    assert public_paths("my%20realm")["certs"] == "/realms/my%20realm/protocol/openid-connect/certs"
    assert set(public_paths("a")) == set(responses("26.7.5")) - {"userinfo"}


@pytest.mark.parametrize("version", VERSIONS)
def test_no_request_is_one_that_keycloak_logs_as_an_error(version: str) -> None:
    """userinfo without a token is: a warning USER_INFO_REQUEST_ERROR at every start of the proxy, and every five minutes."""
    recorded = responses(version)
    assert {recorded[name].status for name in public_paths("a")} <= {200, 404}
