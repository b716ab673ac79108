"""An address that only the request names (Host, X-Forwarded-Host, Origin, a proof) is compared and never recommended."""

import json

import pytest
from msgspec.structs import replace

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


def printed(explanation: Explanation) -> str:
    """Everything that the caller, the log and the page get."""
    parts = (render.body(explanation, None), render.problem(explanation, None), render.headers(explanation))
    return json.dumps(parts, default=str)


def advice(explanation: Explanation) -> str:
    """What it recommends, without what it says about the request itself."""
    document = render.body(explanation, None)["explanation"]
    checks = [other["check"] for other in document.get("alternatives", [])]
    return json.dumps([document["fixes"], document.get("hints", []), checks], default=str)


@pytest.mark.parametrize("headers", ADDRESSED, ids=["host", "host and port", "forwarded host", "all of them"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.id}: {case.says}")
def test_no_case_repeats_the_host_of_the_request(case: Case, headers: dict[str, str]) -> None:
    """Keycloak without a fixed hostname publishes the address of the request; for the proxy's own request it publishes its own address."""
    facts = case.facts
    if facts is not None and facts.issuer is not None:
        facts = replace(facts, issuer=EVIL_ISSUER, own_issuer=facts.issuer)
    for known in (facts, None):
        ask = {**case.ask, "headers": {**case.ask.get("headers", {}), **headers}, "facts": known}
        assert "evil" not in printed(refused(case.method, case.path, **ask))


@pytest.mark.parametrize("headers", ADDRESSED)
@pytest.mark.parametrize(
    ("facts", "sure"),
    [
        (Facts(issuer=EVIL_ISSUER, own_issuer=ISSUER), Confidence.CERTAIN),
        (Facts(issuer=EVIL_ISSUER), Confidence.CERTAIN),
    ],
)
def test_a_token_of_another_address_is_explained_without_the_address_of_the_request(
    headers: dict[str, str], facts: Facts, sure: Confidence
) -> None:
    explanation = refused("GET", USERS, status=401, caller=caller_of(), headers=headers, facts=facts)
    assert (explanation.verdict.cause, explanation.verdict.confidence) == (Cause.ISSUER_MISMATCH, sure)
    assert "derives its address from the request" in explanation.summary
    assert ISSUER in explanation.summary, "the token's own issuer"
    assert "the address at which the program calls the Admin REST API" in explanation.fixes[0].summary
    assert "evil" not in printed(explanation)


@pytest.mark.parametrize(
    "facts", [Facts(issuer="https://sso.example.com/realms/demo", own_issuer="https://sso.example.com/realms/demo"), Facts(issuer=ISSUER)]
)
def test_an_address_from_the_settings_or_from_keycloak_itself_is_named(facts: Facts) -> None:
    caller = caller_of(iss="https://elsewhere.example.com/realms/demo")
    explanation = refused("GET", USERS, status=401, caller=caller, headers={"host": EVIL}, facts=facts)
    assert explanation.verdict.cause is Cause.ISSUER_MISMATCH
    assert f"{facts.issuer}/protocol/openid-connect/token" in explanation.fixes[0].summary
    assert f"accepts only tokens of {facts.issuer} here" in explanation.summary
    assert "evil" not in printed(explanation)


def test_hosts_are_also_compared_without_look_ups() -> None:
    """With preserve_host a token that was fetched through the proxy matches: its issuer is the address of the request."""
    fits = refused("GET", USERS, status=401, caller=caller_of(iss=EVIL_ISSUER), headers={"host": EVIL})
    assert Cause.ISSUER_MISMATCH.value not in causes(fits)
    differs = refused("GET", USERS, status=401, caller=caller_of(), headers={"host": EVIL})
    assert (differs.verdict.cause, differs.verdict.confidence) == (Cause.ISSUER_MISMATCH, Confidence.LIKELY)
    assert "evil" not in printed(differs)


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
def test_an_issuer_that_is_not_a_realm_is_not_recommended(issuer: str) -> None:
    explanation = refused("GET", USERS, status=401, caller=caller_of(iss=issuer))
    assert explanation.verdict.cause is Cause.ISSUER_MISMATCH
    assert "evil" not in advice(explanation)


def test_a_realm_in_the_issuer_of_the_token_is_not_an_address() -> None:
    explanation = refused("GET", USERS, status=401, caller=caller_of(iss=f"http://x/realms/@{EVIL}"))
    assert f"{BASE}/realms/@{EVIL}/protocol" in explanation.fixes[0].summary, "it stays a segment of Keycloak's own address"


def test_an_origin_is_not_recommended_because_a_request_has_it() -> None:
    headers = {"origin": f"https://{EVIL}"}
    explanation = refused("POST", USERS, body={"error": "Invalid origin"}, headers=headers, caller=caller_of(roles={}))
    assert explanation.verdict.cause is Cause.ORIGIN_NOT_ALLOWED
    assert "evil" not in advice(explanation)
    assert "the origin of your own page" in explanation.fixes[0].summary
    assert "sender of the request chooses its Origin" in (explanation.fixes[0].warning or "")


@pytest.mark.parametrize(
    ("host", "htu", "cause"),
    [
        ("localhost:8080", f"http://{EVIL}{USERS}", Cause.PROOF_MISMATCH),
        (EVIL, f"http://localhost:8080{USERS}", Cause.PROOF_MISMATCH),
        (EVIL, f"http://{EVIL}{USERS}", None),  # with preserve_host this is the address that Keycloak sees
    ],
)
def test_the_address_of_a_proof_is_not_recommended(host: str, htu: str, cause: Cause | None) -> None:
    token = jwt_of(claims_of(cnf={"jkt": "x"}, typ="DPoP"))
    proof = jwt_of({"htu": htu, "htm": "GET"}, typ="dpop+jwt")
    headers = {"host": host, "dpop": proof}
    explanation = refused("GET", USERS, status=401, caller=read_caller(f"DPoP {token}"), headers=headers, facts=Facts(issuer=ISSUER))
    assert (Cause.PROOF_MISMATCH.value in causes(explanation)) == (cause is not None)
    assert "evil" not in advice(explanation)
    if host == EVIL and cause is not None:
        assert "evil" not in printed(explanation)
