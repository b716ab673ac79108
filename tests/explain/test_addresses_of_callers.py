"""An address that only the request names (Host, X-Forwarded-Host, Origin, a proof) is compared with, and is never told as the one to use."""

import json
from dataclasses import replace

import pytest

from devkit.explain.cases import CASES, Case
from devkit.explain.stage import BASE, caller_of, causes, claims_of, jwt_of, refused
from kcproxy.explain import render
from kcproxy.explain.claims import read_caller
from kcproxy.model import Cause, Confidence, Explanation, Facts

EVIL = "login.evil.example"
ISSUER, EVIL_ISSUER = f"{BASE}/realms/demo", f"http://{EVIL}/realms/demo"
USERS = "/admin/realms/demo/users"
ADDRESSED = (
    {"host": EVIL},
    {"host": f"{EVIL}:8080"},
    {"host": "localhost:8080", "x-forwarded-host": EVIL},
    {
        "host": EVIL,
        "x-forwarded-host": EVIL,
        "x-forwarded-proto": "https",
        "x-forwarded-port": "443",
        "forwarded": f"host={EVIL};proto=https",
    },
)


def told(explanation: Explanation) -> str:
    """All that a caller, the log and the page get of it."""
    parts = (render.body(explanation, None), render.problem(explanation, None), render.headers(explanation))
    return json.dumps(parts, default=str)


def advice(explanation: Explanation) -> str:
    """What it tells people to do or to look at, without what it says of the request itself."""
    document = render.body(explanation, None)["explanation"]
    checks = [other["check"] for other in document.get("alternatives", [])]
    return json.dumps([document["fixes"], document.get("hints", []), checks], default=str)


@pytest.mark.parametrize("headers", ADDRESSED, ids=["host", "host and port", "forwarded host", "all of them"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.id}: {case.says}")
def test_no_case_repeats_the_host_of_the_request(case: Case, headers: dict[str, str]) -> None:
    """Keycloak without a fixed hostname publishes the very address that the request has; asked by the proxy itself it publishes its own."""
    facts = case.facts
    if facts is not None and facts.issuer is not None:
        facts = replace(facts, issuer=EVIL_ISSUER, own_issuer=facts.issuer)
    for known in (facts, None):
        ask = {**case.ask, "headers": {**case.ask.get("headers", {}), **headers}, "facts": known}
        assert "evil" not in told(refused(case.method, case.path, **ask))


@pytest.mark.parametrize("headers", ADDRESSED)
@pytest.mark.parametrize(
    ("facts", "sure"),
    [
        (Facts(issuer=EVIL_ISSUER, own_issuer=ISSUER), Confidence.CERTAIN),
        (Facts(issuer=EVIL_ISSUER), Confidence.CERTAIN),
    ],
)
def test_a_token_of_another_address_is_explained_without_naming_the_one_of_the_request(
    headers: dict[str, str], facts: Facts, sure: Confidence
) -> None:
    explanation = refused("GET", USERS, status=401, caller=caller_of(), headers=headers, facts=facts)
    assert (explanation.verdict.cause, explanation.verdict.confidence) == (Cause.ISSUER_MISMATCH, sure)
    assert "takes its own address from the request" in explanation.summary
    assert ISSUER in explanation.summary, "the token's own issuer"
    assert "the address by which the program calls the Admin REST API" in explanation.fixes[0].summary
    assert "evil" not in told(explanation)


@pytest.mark.parametrize(
    "facts", [Facts(issuer="https://sso.example.com/realms/demo", own_issuer="https://sso.example.com/realms/demo"), Facts(issuer=ISSUER)]
)
def test_an_address_for_which_settings_or_keycloak_itself_vouch_is_told(facts: Facts) -> None:
    caller = caller_of(iss="https://elsewhere.example.com/realms/demo")
    explanation = refused("GET", USERS, status=401, caller=caller, headers={"host": EVIL}, facts=facts)
    assert explanation.verdict.cause is Cause.ISSUER_MISMATCH
    assert f"{facts.issuer}/protocol/openid-connect/token" in explanation.fixes[0].summary
    assert f"is {facts.issuer}: it refuses" in explanation.summary
    assert "evil" not in told(explanation)


def test_without_look_ups_the_hosts_are_compared_all_the_same() -> None:
    """With preserve_host a token fetched through the proxy fits: its issuer is the address of the request."""
    fits = refused("GET", USERS, status=401, caller=caller_of(iss=EVIL_ISSUER), headers={"host": EVIL})
    assert Cause.ISSUER_MISMATCH.value not in causes(fits)
    differs = refused("GET", USERS, status=401, caller=caller_of(), headers={"host": EVIL})
    assert (differs.verdict.cause, differs.verdict.confidence) == (Cause.ISSUER_MISMATCH, Confidence.LIKELY)
    assert "evil" not in told(differs)


@pytest.mark.parametrize(
    "issuer",
    [
        f"http://{EVIL}",
        f"http://{EVIL}/realms/a/b",
        f"http://x/realms/demo/../../{EVIL}",
        f"http://x/realms/?{EVIL}",
        f"http://x/realms/#{EVIL}",
        f"{EVIL}/realms/",
    ],
)
def test_an_issuer_that_is_no_realm_is_no_path_to_fetch_tokens_from(issuer: str) -> None:
    explanation = refused("GET", USERS, status=401, caller=caller_of(iss=issuer))
    assert explanation.verdict.cause is Cause.ISSUER_MISMATCH
    assert "evil" not in advice(explanation)


def test_a_realm_in_the_tokens_issuer_is_no_address() -> None:
    explanation = refused("GET", USERS, status=401, caller=caller_of(iss=f"http://x/realms/@{EVIL}"))
    assert f"{BASE}/realms/@{EVIL}/protocol" in explanation.fixes[0].summary, "it stays a segment of Keycloak's own address"


def test_an_origin_is_not_recommended_because_a_request_has_it() -> None:
    headers = {"origin": f"https://{EVIL}"}
    explanation = refused("POST", USERS, body={"error": "Invalid origin"}, headers=headers, caller=caller_of(roles={}))
    assert explanation.verdict.cause is Cause.ORIGIN_NOT_ALLOWED
    assert "evil" not in advice(explanation)
    assert "the origin of your own page" in explanation.fixes[0].summary
    assert "what its sender wrote" in (explanation.fixes[0].warning or "")


@pytest.mark.parametrize(
    ("host", "htu", "cause"),
    [
        ("localhost:8080", f"http://{EVIL}{USERS}", Cause.PROOF_MISMATCH),
        (EVIL, f"http://localhost:8080{USERS}", Cause.PROOF_MISMATCH),
        (EVIL, f"http://{EVIL}{USERS}", None),  # with preserve_host this is the address that Keycloak sees
    ],
)
def test_a_proof_for_another_address_is_no_advice_to_use_that_one(host: str, htu: str, cause: Cause | None) -> None:
    token = jwt_of(claims_of(cnf={"jkt": "x"}, typ="DPoP"))
    proof = jwt_of({"htu": htu, "htm": "GET"}, typ="dpop+jwt")
    headers = {"host": host, "dpop": proof}
    explanation = refused("GET", USERS, status=401, caller=read_caller(f"DPoP {token}"), headers=headers, facts=Facts(issuer=ISSUER))
    assert (Cause.PROOF_MISMATCH.value in causes(explanation)) == (cause is not None)
    assert "evil" not in advice(explanation)
    if host == EVIL and cause is not None:
        assert "evil" not in told(explanation)
