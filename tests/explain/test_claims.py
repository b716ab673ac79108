"""Reading a caller: everything from good tokens, and still a Caller from hostile ones."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devkit.explain.stage import NOW, SUBJECT, claims_of, jwt_of, lightweight
from kcproxy.explain.claims import MAX_ROLES, MAX_TOKEN_BYTES, read_caller, read_claims
from kcproxy.model import CallerKind


def test_the_token_of_a_service_account_has_client_account_realm_and_roles() -> None:
    caller = read_caller("Bearer " + jwt_of(claims_of(roles={"realm-management": ["view-users", "query-users"]})))

    assert (caller.kind, caller.client_id, caller.username, caller.realm) == (
        CallerKind.SERVICE_ACCOUNT,
        "app",
        "service-account-app",
        "demo",
    )
    assert caller.client_roles["realm-management"] == ("query-users", "view-users")
    assert (caller.subject, caller.expires_at_epoch_seconds, caller.token_kind) == (SUBJECT, NOW + 240, "Bearer")


@pytest.mark.parametrize(
    ("authorization", "kind"),
    [
        (None, CallerKind.ANONYMOUS),
        ("", CallerKind.ANONYMOUS),
        ("   ", CallerKind.ANONYMOUS),
        ("Bearer", CallerKind.ANONYMOUS),
        ("Bearer    ", CallerKind.ANONYMOUS),
        ("Basic YTpi", CallerKind.UNREADABLE),
        ("Bearer opaque", CallerKind.UNREADABLE),
        ("Bearer a.b.c", CallerKind.UNREADABLE),
        ("Bearer a.b.c.d.e", CallerKind.UNREADABLE),
        ("Bearer " + jwt_of(lightweight()), CallerKind.UNKNOWN),
        ("bearer " + jwt_of(claims_of()), CallerKind.SERVICE_ACCOUNT),
        ("DPoP " + jwt_of(claims_of(username="jane")), CallerKind.USER),
        ("Bearer " + jwt_of(claims_of(), alg="none"), CallerKind.SERVICE_ACCOUNT),
    ],
)
def test_the_field_shows_the_kind_of_caller(authorization: str | None, kind: CallerKind) -> None:
    assert read_caller(authorization).kind is kind


@pytest.mark.parametrize(
    ("token", "says"),
    [
        ("undefined", "placeholder"),
        ("$TOKEN", "variable"),
        ("Bearer eyJ", "repeated"),
        ('{"access_token": "x"}', "JSON"),
        ('"eyJ.a.b"', "quotes"),
        ("eyJ.a\tb.c", "white space"),
        ("eyJhbGciOi.x", "three parts"),
        ("a.b.c.d.e", "encrypted"),
        (jwt_of(claims_of()).replace(".", "!.", 1), "three parts of a JWT"),
        ("x" * (MAX_TOKEN_BYTES + 1), "characters long"),
    ],
)
def test_a_malformed_token_is_described_by_its_likeliest_mistake(token: str, says: str) -> None:
    problem = read_caller(f"Bearer {token}").problem

    assert problem is not None
    assert says in problem
    assert "eyJ" not in problem


HOSTILE: list[dict[str, Any]] = [
    {"realm_access": "x", "resource_access": [1]},
    {"realm_access": {"roles": {"a": 1}}, "resource_access": {"realm-management": {"roles": [None, 1, {"x": 2}, ""]}}},
    {"iss": 7, "azp": ["a"], "sub": {}, "preferred_username": 1, "exp": "soon", "iat": True, "nbf": -1, "aud": {"a": 1}, "cnf": "x"},
    {"exp": 1e308, "iat": 10**300, "nbf": float("inf")},
    {"iss": "http://x/realms/" + "a" * 3000, "preferred_username": "u" * 300},
    {"resource_access": {f"client-{number}": {"roles": ["r"]} for number in range(MAX_ROLES)}},
    {"realm_access": {"roles": [f"r{number}" for number in range(3 * MAX_ROLES)]}},
]


@pytest.mark.parametrize("claims", HOSTILE)
def test_claims_of_wrong_types_and_sizes_are_left_out(claims: dict[str, Any]) -> None:
    caller = read_caller("Bearer " + jwt_of(claims))

    assert len(caller.realm_roles) <= MAX_ROLES
    assert sum(1 + len(roles) for roles in caller.client_roles.values()) <= MAX_ROLES
    assert caller.expires_at_epoch_seconds is None


def test_json_too_deep_to_parse_is_a_malformed_token() -> None:
    deep = base64.urlsafe_b64encode(b"[" * 100_000).rstrip(b"=").decode()

    assert read_caller(f"Bearer eyJhbGciOiJIUzI1NiJ9.{deep}.x").kind is CallerKind.UNREADABLE


@pytest.mark.parametrize("payload", ["[]", "1", '"x"', "null", "{", "\\ud800", '{"a": ' + "9" * 5000 + "}"])
def test_a_payload_that_is_not_an_object_has_no_claims(payload: str) -> None:
    part = base64.urlsafe_b64encode(payload.encode("utf-8", "surrogatepass")).rstrip(b"=").decode()

    assert read_claims(f"eyJhbGciOiJIUzI1NiJ9.{part}.x") is None


@given(st.text(max_size=400))
def test_no_header_raises(authorization: str) -> None:
    read_caller(authorization)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
_NAMES = st.sampled_from(["iss", "azp", "sub", "typ", "exp", "iat", "nbf", "aud", "scope", "cnf", "realm_access", "resource_access", "sid"])


@given(st.dictionaries(_NAMES, _JSON, max_size=8))
def test_no_claims_raise_and_the_token_is_never_in_the_problem(claims: dict[str, Any]) -> None:
    token = jwt_of(json.loads(json.dumps(claims)))
    caller = read_caller(f"Bearer {token}")

    assert token not in repr(caller)


@pytest.mark.parametrize(
    ("token_id", "kind", "is_lightweight"),
    [
        ("trltcc:1", CallerKind.SERVICE_ACCOUNT, True),
        ("onltro:1", CallerKind.USER, True),
        ("trrtcc:1", CallerKind.SERVICE_ACCOUNT, False),
        ("97de0313-4f49", CallerKind.UNKNOWN, None),
    ],
)
def test_the_id_of_a_lightweight_token_says_what_its_claims_do_not(token_id: str, kind: CallerKind, is_lightweight: bool | None) -> None:
    caller = read_caller("Bearer " + jwt_of({"azp": "app", "jti": token_id, "iss": "http://localhost:8080/realms/demo"}))

    assert (caller.kind, caller.lightweight) == (kind, is_lightweight)


@pytest.mark.parametrize("half", ["\\ud800", "\\uDFFF"])
def test_a_lone_surrogate_in_a_claim_is_replaced(half: str) -> None:
    """JSON allows a lone surrogate, UTF-8 does not: a name with one fits neither into an address nor into a response."""
    payload = json.dumps(claims_of(roles={"realm-management": ["view-users"]})).replace('"app"', f'"app{half}\u00e9"')
    caller = read_caller(f"Bearer {signed(payload.encode())}")

    assert caller.client_id == "app?\u00e9"
    assert caller.client_roles["realm-management"] == ("view-users",)


def test_a_surrogate_pair_is_one_character() -> None:
    caller = read_caller("Bearer " + signed(b'{"azp": "app-\\ud83d\\ude00", "iss": "http://localhost/realms/demo"}'))

    assert caller.client_id == "app-\U0001f600"


def test_claims_that_are_not_utf_8_are_unreadable() -> None:
    assert read_caller("Bearer " + signed(b'{"azp": "\xed\xa0\x80"}')).kind is CallerKind.UNREADABLE


def signed(payload: bytes) -> str:
    return ".".join([jwt_of({}).split(".")[0], base64.urlsafe_b64encode(payload).rstrip(b"=").decode(), "sig"])
