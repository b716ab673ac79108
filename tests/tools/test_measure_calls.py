"""The measuring program's own calls: bodies, fixtures with placeholders, the mail sink."""

import asyncio
import json
import smtplib

import pytest

from devkit.mail_sink import mail_sink
from tools.measure.http import Answer, Server, Unexpected, form_body, json_body, multipart_body
from tools.measure.run import why
from tools.measure.spec import Spec
from tools.measure.stage import Names, Realm, Scope, Version
from tools.measure.trial import Undetermined


def scope() -> Scope:
    realm = Realm(server=Server("http://localhost:1"), version=Version(text="26.7.4"), name="a realm", mail_port=25, names=Names())
    made = Scope(realm=realm, suffix="z00001z")
    made.facts |= {"user.name": "user-z00001z", "group.path": "/a b"}
    return made


async def test_placeholders_are_filled_in_every_string() -> None:
    filled = await scope().fill({"name": "new-{n}", "list": ["{user.name}", 3], "{n}": {"realm": "{realm}"}})
    assert filled == {"name": "new-z00001z", "list": ["user-z00001z", 3], "z00001z": {"realm": "a realm"}}


async def test_placeholders_in_paths_are_percent_encoded() -> None:
    assert await scope().fill_text("/groups/{group.path}/x", encode=True) == "/groups/%2Fa%20b/x"


async def test_an_unknown_fixture_is_an_error_that_names_it() -> None:
    with pytest.raises(KeyError, match=r"no fixture nobody"):
        await scope().get("nobody")


async def test_a_spec_makes_the_body_it_names() -> None:
    body = await Spec(json={"name": "new-{n}"}).body(scope())
    assert body is not None
    assert json.loads(body.content) == {"name": "new-z00001z"}
    assert await Spec().body(scope()) is None


@pytest.mark.parametrize(
    ("version", "since", "held"),
    [("26.7.4", (26,), True), ("26.7.4", (26, 8), False), ("24.0.5", (25,), False), ("26.10.1", (26, 7), True)],
)
def test_versions_compare_as_numbers(version: str, since: tuple[int, ...], held: bool) -> None:
    assert Version(text=version).since(*since) is held


def test_bodies_carry_their_media_type() -> None:
    assert json_body([1]).media_type == "application/json"
    assert form_body({"a": "b c"}).content == b"a=b+c"
    parts = multipart_body({"file": ("c.pem", b"PEM", "text/plain")}, {"format": "x"})
    assert parts.media_type.startswith("multipart/form-data; boundary=")
    assert parts.content.count(b"Content-Disposition") == 2


async def test_the_mail_sink_takes_a_message() -> None:
    async with mail_sink() as port:
        refused = await asyncio.to_thread(_send, port)
    assert refused == {}


def _send(port: int) -> dict[str, tuple[int, bytes]]:
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
        return client.sendmail("a@localhost", ["b@localhost"], "Subject: x\r\n\r\nbody\r\n")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": "HTTP 401 Unauthorized"}, "HTTP 401 Unauthorized"),
        ({"error": "unknown_error", "error_description": "See the log."}, "See the log."),
        ({"errorMessage": "Invalid event type"}, "Invalid event type"),
        ("<html>", "<html>"),
        (None, "no reason given"),
    ],
)
def test_an_error_is_reported_in_its_own_words(body: object, words: str) -> None:
    assert Answer(status=400, body=body).words == words


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Undetermined("the check is not reached"), "the check is not reached"),
        (
            Unexpected("POST /workflows: 400 Invalid"),
            "what the call needs could not be made: POST /workflows: 400 Invalid; the last answer was 403: no",
        ),
        (
            Unexpected("PUT /admin/realms/objects-z00003z: 500 Database operation failed"),
            "what the call needs could not be made: PUT /admin/realms/{realm}: 500 Database operation failed; the last answer was 403: no",
        ),
        (TimeoutError(), "no end within 900 seconds; the last answer was 403: no"),
    ],
)
def test_the_reason_for_a_missing_result_is_a_sentence(error: Exception, reason: str) -> None:
    assert why(error, Answer(status=403, body={"error": "no"})) == reason
