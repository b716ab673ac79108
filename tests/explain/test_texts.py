"""Every text that can be printed: complete, plain, and never bad advice."""

import re
from collections.abc import Callable, Iterator

import pytest

from devkit.explain.cases import CASES
from devkit.explain.stage import refused
from kcproxy.explain.causes import ALL as SPECS
from kcproxy.explain.hints import _BY_OPERATION
from kcproxy.explain.text import shown
from kcproxy.model import Fix
from tools.docs import causes

BAD_ADVICE = {
    "turning full scope on": re.compile(r"(turn|switch|set|tick|enable)\w*\s+(the\s+)?full[- ]scope(\s+allowed)?\s*(on|:\s*on|to\s+on)\b|fullScopeAllowed\W+true", re.IGNORECASE),
    "the administrator's password": re.compile(r"admin(istrator)?('s)?\s+(password|credentials)|as\s+admin-cli|password\s+of\s+(the\s+)?admin", re.IGNORECASE),
    "switching verification off": re.compile(r"(disable|skip|turn off|ignore)\w*\s+(ssl|tls|certificate|signature|issuer|audience)", re.IGNORECASE),
    "more than is needed": re.compile(r"to be (on the )?saf(e|er) side|just (grant|use|assign) (realm-)?admin|(grant|assign|add) realm-admin\b(?! role)", re.IGNORECASE),
    "waiting": re.compile(r"\bwait (a|some|until|for)\b", re.IGNORECASE),
}  # fmt: skip


def _static() -> Iterator[tuple[str, str]]:
    for spec in SPECS:
        texts = (spec.reason, spec.effect, spec.check, spec.meaning)
        remedies = (text for remedy in spec.remedies for text in (remedy.summary, *remedy.steps, remedy.warning or ""))
        yield from ((spec.cause.value, text) for text in (*texts, *remedies))
    yield from (("hint", text) for texts in _BY_OPERATION.values() for text in texts)
    yield from causes.documents().items()


def _printed() -> Iterator[tuple[str, str]]:
    for case in CASES:
        for facts in (None, case.facts):
            explanation = refused(case.method, case.path, **{**case.ask, "facts": facts})
            verdict = explanation.verdict
            others = [text for item in verdict.alternatives for text in (item.summary, item.check)]
            texts = (explanation.summary, *verdict.evidence, *others, *explanation.hints)
            yield from ((case.id, text) for text in texts)
            yield from ((case.id, text) for fix in explanation.fixes for text in _lines(fix))


def _lines(fix: Fix) -> Iterator[str]:
    yield from (fix.summary, *fix.console, *fix.kcadm, *fix.curl, fix.terraform or "", fix.warning or "")


TEXTS = list({text: place for place, text in (*_static(), *_printed())}.items())


@pytest.mark.parametrize("advice", BAD_ADVICE)
def test_bad_advice_is_never_given(advice: str) -> None:
    found = [(place, BAD_ADVICE[advice].search(text)) for text, place in TEXTS]

    assert [(place, match.group()) for place, match in found if match] == []


@pytest.mark.parametrize(
    ("advice", "sentence"),
    [
        ("turning full scope on", "Turn full scope on for the client"),
        ("the administrator's password", "Use the admin password instead"),
        ("switching verification off", "disable TLS verification"),
        ("more than is needed", "just grant admin"),
        ("waiting", "wait a minute and try again"),
    ],
)
def test_the_search_finds_bad_advice(advice: str, sentence: str) -> None:
    assert BAD_ADVICE[advice].search(sentence)


def test_realm_admin_is_never_recommended_if_less_is_enough() -> None:
    for case in CASES:
        for facts in (None, case.facts):
            explanation = refused(case.method, case.path, **{**case.ask, "facts": facts})
            granted = {role for fix in explanation.fixes for role in fix.roles}
            assert "realm-admin" not in granted, case.id


def test_printed_texts_have_no_placeholder_and_no_control_character() -> None:
    for place, text in _printed():
        assert not re.search(r"\{(who|client|roles|container|operation|caller|where|age|reason)\}", text), (place, text)
        assert all(character.isprintable() or character == "\n" for character in text), (place, text)


@pytest.mark.parametrize(
    "encoded",
    [
        lambda token: token,
        lambda token: token.replace(".", "%2E"),
        lambda token: token.replace(".", "%252e"),
        lambda token: token.replace("eyJ", "%65%79%4A"),
        lambda token: "".join(f"%{ord(character):02X}" for character in token),
    ],
    ids=["plain", "dots", "dots twice", "beginnings", "all"],
)
def test_a_token_instead_of_a_name_is_not_printed_in_any_encoding(encoded: Callable[[str], str]) -> None:
    token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJl"

    assert shown(f"/admin/realms/demo/users/{encoded(token)}/groups") == "/admin/realms/demo/users/[token]/groups"


def test_text_that_is_only_encoded_stays() -> None:
    assert shown("/admin/realms/d%65mo/users/%65%79x") == "/admin/realms/d%65mo/users/%65%79x"
