"""Two client secrets during a rotation: whether Keycloak has the old or the new one, a token is issued, and no other refusal is hidden."""

from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from devkit.servers import ACCOUNT, RecordingUpstream
from kcproxy.errors import TokenFetchError
from kcproxy.settings import ClientAuthMethod, Secret
from tests.keycloak.test_token_cache import Bench, bench, json_response_bytes  # noqa: F401 - a fixture

NEW, OLD = "the-new-secret", "the-old-secret"


def keycloak_has(endpoint: RecordingUpstream, secret: str, *, refusal: int = 401) -> None:
    def react(request: object) -> bytes:
        sent = endpoint.requests[-1].body.decode()
        if parse_qs(sent)["client_secret"] == [secret]:
            return json_response_bytes(200, {"access_token": "t", "expires_in": 60})
        return json_response_bytes(
            refusal, {"error": "unauthorized_client", "error_description": "Invalid client or Invalid client credentials"}
        )

    endpoint.react = react


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    new, old = tmp_path / "client-secret", tmp_path / "client-secret-previous"
    new.write_text(NEW + "\n")
    old.write_text(OLD + "\n")
    return new, old


def secrets_tried(running: Bench) -> list[str]:
    return [parse_qs(request.body.decode())["client_secret"][0] for request in running.endpoint.requests]


@pytest.mark.parametrize("refusal", [400, 401])
async def test_before_and_after_the_change_in_keycloak_a_token_is_issued(
    bench: Bench,  # noqa: F811 - the fixture
    files: tuple[Path, Path],
    refusal: int,
) -> None:
    account = replace(ACCOUNT, secret=Secret(path=files[0]), previous_secret=Secret(path=files[1]))
    keycloak_has(bench.endpoint, OLD, refusal=refusal)
    assert await bench.source.token(account) == "t"
    assert secrets_tried(bench)[-1] == OLD
    keycloak_has(bench.endpoint, NEW)
    bench.clock.now += 3600
    before = len(bench.endpoint.requests)
    assert await bench.source.token(account) == "t"
    assert secrets_tried(bench)[before:] == [NEW]


@pytest.mark.parametrize("previous", ["missing", "empty", "wrong"])
async def test_without_a_usable_previous_secret_the_refusal_of_the_current_one_counts(
    previous: str,
    bench: Bench,  # noqa: F811 - the fixture
    files: tuple[Path, Path],
) -> None:
    if previous == "missing":
        files[1].unlink()
    else:
        files[1].write_text("" if previous == "empty" else "neither of them")
    keycloak_has(bench.endpoint, "a third one")
    account = replace(ACCOUNT, secret=Secret(path=files[0]), previous_secret=Secret(path=files[1]))
    with pytest.raises(TokenFetchError) as caught:
        await bench.source.token(account)
    assert "The secret of client robot is wrong" in str(caught.value)
    assert NEW not in str(caught.value)
    assert "neither" not in str(caught.value)
    assert set(secrets_tried(bench)) == ({NEW, "neither of them"} if previous == "wrong" else {NEW})


@pytest.mark.parametrize("status", [403, 404, 429, 500, 503])
async def test_the_previous_secret_is_not_sent_where_the_secret_is_not_what_was_refused(
    status: int,
    bench: Bench,  # noqa: F811 - the fixture
    files: tuple[Path, Path],
) -> None:
    bench.endpoint.react = lambda _: json_response_bytes(status, {"error": "x"})
    account = replace(ACCOUNT, secret=Secret(path=files[0]), previous_secret=Secret(path=files[1]))
    with pytest.raises(TokenFetchError):
        await bench.source.token(account)
    assert set(secrets_tried(bench)) == {NEW}


async def test_it_works_for_basic_authentication_too(bench: Bench, files: tuple[Path, Path]) -> None:  # noqa: F811 - the fixture
    tried: list[bytes | None] = []

    def react(request: object) -> bytes:
        tried.append(bench.endpoint.requests[-1].value("authorization"))
        accepted = len(set(tried)) == 2  # the second of two
        return json_response_bytes(
            200 if accepted else 401, {"access_token": "t", "expires_in": 60} if accepted else {"error": "invalid_client"}
        )

    bench.endpoint.react = react
    account = replace(
        ACCOUNT, auth=ClientAuthMethod.CLIENT_SECRET_BASIC, secret=Secret(path=files[0]), previous_secret=Secret(path=files[1])
    )
    assert await bench.source.token(account) == "t"
