"""401 because of the form of the Authorization field, or because of deleted accounts and clients: reason and fix match."""

import pytest

from devkit.explain.stage import NOW, OLD_TABLE, caller_of, claims_of, jwt_of, refused
from kcproxy.explain.claims import read_caller
from kcproxy.model import Cause, Confidence, Explanation, Facts

_PATH = "/admin/realms/demo/users"
_TOKEN = jwt_of(claims_of())
_WELL = Facts(signature_valid=True, issuer="http://localhost:8080/realms/demo", key_ids=("key-1",), realm_known=True)


def _fix_texts(explanation: Explanation) -> str:
    return " ".join(text for fix in explanation.fixes for text in (fix.summary, *fix.console))


@pytest.mark.parametrize(
    ("header", "sure", "says"),
    [
        (f"Bearer  {_TOKEN}", Confidence.LIKELY, "exactly one space"),
        (f"Bearer\t{_TOKEN}", Confidence.LIKELY, "exactly one space"),
        (f"Bearer: {_TOKEN}", Confidence.CERTAIN, "colon"),
        (f"Bearer={_TOKEN}", Confidence.CERTAIN, "word Bearer"),
    ],
)
def test_the_text_between_bearer_and_the_token_is_named(header: str, sure: Confidence, says: str) -> None:
    explanation = refused("GET", _PATH, status=401, caller=read_caller(header), facts=_WELL)

    assert (explanation.verdict.cause, explanation.verdict.confidence) == (Cause.TOKEN_MALFORMED, sure)
    assert says in explanation.summary
    assert _TOKEN[:20] not in explanation.summary


@pytest.mark.parametrize("gap", ["  ", "\t"])
def test_an_old_version_accepts_any_white_space_there(gap: str) -> None:
    caller = read_caller(f"Bearer{gap}{jwt_of(claims_of(exp=NOW - 600))}")

    explanation = refused("GET", _PATH, status=401, caller=caller, catalog=OLD_TABLE, facts=_WELL)

    assert explanation.verdict.cause is Cause.TOKEN_EXPIRED
    assert "exactly one space" not in " ".join(item.summary for item in explanation.verdict.alternatives)


def test_the_scheme_dpop_with_a_token_that_is_not_bound_to_a_key() -> None:
    explanation = refused("GET", _PATH, status=401, caller=read_caller(f"DPoP {_TOKEN}"), facts=_WELL)

    assert (explanation.verdict.cause, explanation.verdict.confidence) == (Cause.SCHEME_WRONG, Confidence.LIKELY)
    assert "not bound to a key" in explanation.summary
    assert "client ID and secret" not in _fix_texts(explanation)


def test_nobody_is_advised_to_enable_a_deleted_account() -> None:
    user = caller_of(username="jane", sid="s-1")

    explanation = refused("GET", _PATH, status=401, caller=user, facts=Facts(account_known=False))

    assert explanation.verdict.cause is Cause.ACCOUNT_DISABLED
    assert "no longer exists" in explanation.summary
    assert "disabled" not in explanation.summary
    assert "nable" not in _fix_texts(explanation)


def test_a_disabled_account_still_exists() -> None:
    user = caller_of(username="jane", sid="s-1")

    explanation = refused("GET", _PATH, status=401, caller=user, facts=Facts(account_known=True, account_enabled=False))

    assert "is disabled, so" in explanation.summary
    assert "Enable" in _fix_texts(explanation)


@pytest.mark.parametrize(("service_accounts", "says"), [(False, "Service accounts roles"), (True, "Fetch a new token")])
def test_a_deleted_service_account_was_switched_off_or_created_again(service_accounts: bool, says: str) -> None:
    facts = Facts(account_known=False, client_known=True, client_enabled=True, service_accounts_enabled=service_accounts)

    explanation = refused("GET", _PATH, status=401, facts=facts)

    assert explanation.verdict.cause is Cause.ACCOUNT_DISABLED
    assert says in _fix_texts(explanation)
    assert "switch Enabled" not in _fix_texts(explanation)


def test_a_missing_client_may_have_been_renamed() -> None:
    explanation = refused("GET", _PATH, status=401, facts=Facts(client_known=False))

    assert explanation.verdict.cause is Cause.CLIENT_DISABLED
    assert "renamed" in explanation.summary
    assert "switch Enabled" not in _fix_texts(explanation)


def test_a_token_that_is_bound_to_a_certificate_is_not_refused_because_of_that() -> None:
    caller = read_caller("Bearer " + jwt_of(claims_of(cnf={"x5t#S256": "kxJMzzRpVbvw"})))

    explanation = refused("GET", _PATH, status=401, caller=caller)

    assert Cause.PROOF_MISSING not in causes_of(explanation)
    assert Cause.PROOF_MISSING in causes_of(refused("GET", _PATH, status=401, caller=caller_of(cnf={"jkt": "x"})))


def causes_of(explanation: Explanation) -> list[Cause]:
    return [explanation.verdict.cause, *(item.cause for item in explanation.verdict.alternatives)]
