"""The inspector looks up the token's own account, however it is named, and never another one."""

from typing import Any

import jwt
import pytest

from devkit.explain.stage import CLIENT_UUID, SUBJECT, TABLE, USER_ID, caller_of, claims_of
from kcproxy.explain.claims import read_caller
from kcproxy.model import Answer, Caller, Facts, RequestFacts
from tests.keycloak.test_inspector import KEY, OWNER, Stage, inspecting

_DEMO = "/admin/realms/demo"
_CLIENT = f"{_DEMO}/clients/{CLIENT_UUID}"
_DISCOVERY = "/realms/demo/.well-known/openid-configuration"


async def looked_up(stage: Stage, caller: Caller, status: int = 403, authorization: str | None = None, **headers: str) -> Facts:
    """The inspector's facts about a refused GET of users."""
    request = RequestFacts(target=TABLE.target("GET", f"{_DEMO}/users"), headers=headers)
    async with inspecting(stage) as inspector:
        answer = Answer(status=status, json={"error": "HTTP 403 Forbidden"})
        facts = await inspector.facts(request, caller, answer, authorization)
    assert facts is not None
    return facts


def signed(**claims: Any) -> tuple[Caller, str]:
    """A token that is the realm's own, as caller and as header."""
    token = jwt.encode(claims_of(exp=4_000_000_000, **claims), KEY, algorithm="RS256", headers={"kid": "key-1"})
    return read_caller(f"Bearer {token}"), f"Bearer {token}"


async def test_an_exchanged_token_is_judged_by_its_own_account_not_by_that_of_the_client_that_exchanged_it() -> None:
    stage = Stage()
    stage.documents[f"{_DEMO}/users/{USER_ID}/role-mappings/clients/{OWNER}/composite"] = [{"name": "view-events"}]

    facts = await looked_up(stage, caller_of(username="service-account-other", sub=USER_ID))

    assert facts.granted == ("view-events",)
    assert facts.service_account_id is None


async def test_a_token_that_names_no_account_is_recognised_by_its_session() -> None:
    stage = Stage()
    stage.documents[f"{_CLIENT}/user-sessions?first=0&max=500"] = [{"id": "s-1", "userId": USER_ID, "username": "jane"}]
    stage.documents[f"{_DEMO}/users/{USER_ID}/role-mappings/clients/{OWNER}/composite"] = [{"name": "query-users"}]

    facts = await looked_up(stage, caller_of(bare=True, sub=None, preferred_username=None, sid="s-1", jti="onltro:1"))

    assert (facts.account_id, facts.account_name, facts.granted) == (USER_ID, "jane", ("query-users",))


@pytest.mark.parametrize(("sessions", "alive"), [([], False), ([{"id": f"other-{number}"} for number in range(500)], None)])
async def test_a_session_is_gone_only_where_the_whole_list_was_seen(sessions: list[dict[str, str]], alive: bool | None) -> None:
    stage = Stage()
    stage.documents[f"{_CLIENT}/user-sessions?first=0&max=500"] = sessions
    caller, header = signed(bare=True, sub=None, sid="s-1", jti="onltro:1")

    assert (await looked_up(stage, caller, 401, header)).session_alive is alive


@pytest.mark.parametrize(("mapper", "known"), [("oidc-sha256-pairwise-sub-mapper", None), ("oidc-sub-mapper", False)])
async def test_a_sub_that_a_mapper_made_up_is_no_sign_of_a_deleted_account(mapper: str, known: bool | None) -> None:
    stage = Stage()
    stage.documents[f"{_CLIENT}/user-sessions?first=0&max=500"] = []
    stage.documents[f"{_CLIENT}/evaluate-scopes/protocol-mappers?scope=email%20profile"] = [{"protocolMapper": mapper}]
    caller, header = signed(username="jane", sub="5b1c0f6e-0000-3000-8000-000000000000", sid="s-1")

    facts = await looked_up(stage, caller, 401, header)

    assert (facts.account_known, facts.session_alive) == (known, False)


async def test_an_account_that_could_not_be_looked_up_is_not_called_deleted() -> None:
    """``sub`` is no account's id, the session names the account, and its look-up is too slow."""
    stage = Stage()
    stage.documents[f"{_CLIENT}/user-sessions?first=0&max=500"] = [{"id": "s-1", "userId": USER_ID, "username": "jane"}]
    stage.hangs = {f"/users/{USER_ID}"}
    caller, header = signed(username="jane", sub="5b1c0f6e-0000-3000-8000-000000000000", sid="s-1")
    request = RequestFacts(target=TABLE.target("GET", f"{_DEMO}/users"))

    async with inspecting(stage, budget_seconds=1.0) as inspector:
        facts = await inspector.facts(request, caller, Answer(status=401, json={"error": "HTTP 401 Unauthorized"}), header)

    assert facts is not None
    assert (facts.account_id, facts.account_known) == (USER_ID, None)


@pytest.mark.parametrize(("error", "known"), [("HTTP 404 Not Found", None), ("Realm does not exist", False)])
async def test_a_realm_is_unknown_in_keycloaks_own_words_only(error: str, known: bool | None) -> None:
    stage = Stage()
    del stage.documents[_DISCOVERY]
    stage.missing = {"error": error}

    assert (await looked_up(stage, caller_of(), 401)).realm_known is known


async def test_the_issuer_is_asked_for_as_the_request_was_addressed() -> None:
    stage = Stage()

    await looked_up(stage, caller_of(), 401, **{"x-forwarded-host": "sso.example.com", "host": "kc.example.com", "accept": "text/html"})

    sent = {(fields.get("X-Forwarded-Host"), fields["Host"].partition(":")[0], fields["Accept"]) for fields in stage.fields[_DISCOVERY]}
    assert sent == {("sso.example.com", "kc.example.com", "application/json"), (None, "127.0.0.1", "application/json")}


@pytest.mark.parametrize("headers", [{"host": "login.evil.example"}, {"x-forwarded-host": "login.evil.example"}])
async def test_an_issuer_derived_from_the_request_is_not_keycloaks_own(headers: dict[str, str]) -> None:
    stage = Stage()
    stage.echoes_host = True

    facts = await looked_up(stage, caller_of(), 401, **headers)

    assert facts.issuer == "http://login.evil.example/realms/demo"
    assert facts.own_issuer is not None
    assert facts.own_issuer.startswith("http://127.0.0.1:")


async def test_what_a_new_token_would_name_is_asked_only_where_the_old_one_shows_less_than_is_granted() -> None:
    stage = Stage()
    example = f"{_CLIENT}/evaluate-scopes/generate-example-access-token?scope=email%20profile&userId={SUBJECT}"
    stage.documents[example] = {"resource_access": {"realm-management": {"roles": ["view-users"]}}, "realm_access": "odd"}

    assert (await looked_up(stage, caller_of())).fresh_token_roles == ("view-users",)
    stage.asked.clear()
    every = caller_of(roles={"realm-management": ["view-users", "query-users"]})
    assert (await looked_up(stage, every)).fresh_token_roles is None
    assert example not in stage.asked


async def test_a_refusal_in_a_gateways_words_opens_nobodys_eyes_for_a_token_that_nobody_signed() -> None:
    stage = Stage()
    request, answer = RequestFacts(target=TABLE.target("GET", f"{_DEMO}/users")), Answer(status=403, json={"error": "Forbidden"})
    forged, (genuine, header) = caller_of(), signed()
    async with inspecting(stage) as inspector:
        assert await inspector.facts(request, forged, answer, "Bearer a.b.c") is None
        facts = await inspector.facts(request, genuine, answer, header)

    assert facts is not None
    assert facts.granted == ("query-users", "view-users")
