"""What an explanation must not do on a real Keycloak: reveal whether an id exists, touch a success, leave a fix that does not work."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from devkit.lab import Attempt, laboratory
from tests.live.conftest import Keycloak

pytestmark = [pytest.mark.live, pytest.mark.parametrize("keycloak", ["26.7.5", "24.0.5"], indirect=True)]


def _without_ids(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "explanation": {key: value for key, value in body["explanation"].items() if key != "id"}}


async def test_a_refusal_says_the_same_of_an_id_that_exists_and_of_one_that_does_not(keycloak: Keycloak, tmp_path: Path) -> None:
    async with laboratory(keycloak, tmp_path) as lab:
        existing = await lab.make_user("john-doe")
        token = await lab.token(await lab.make_client())
        async with lab.proxy(await lab.make_inspector()) as proxy:
            paths = [f"/admin/realms/{lab.realm}/users/{user}" for user in (existing, uuid4())]
            found, unknown = [await lab.send(proxy, Attempt(method="GET", path=path, token=token)) for path in paths]

    assert (found.status, unknown.status) == (403, 403)
    assert _without_ids(found.body) == _without_ids(unknown.body)


async def test_a_thinner_success_is_announced_and_its_body_left_alone(keycloak: Keycloak, tmp_path: Path) -> None:
    async with laboratory(keycloak, tmp_path) as lab:
        await lab.make_user("john-doe")
        client, other = await lab.make_client(), await lab.make_client()
        await lab.grant(client, "query-users")
        await lab.grant(other, "view-users")
        async with lab.proxy() as proxy:
            path = f"/admin/realms/{lab.realm}/users"
            thin = await lab.send(proxy, Attempt(method="GET", path=path, token=await lab.token(client)))
            full = await lab.send(proxy, Attempt(method="GET", path=path, token=await lab.token(other)))

    assert (thin.status, thin.body) == (200, [])
    assert "view-users of realm-management" in thin.headers["Kcproxy-Notice"]
    assert (full.status, [user["username"] for user in full.body]) == (200, ["john-doe"])
    assert "Kcproxy-Notice" not in full.headers


async def test_empty_lists_of_clients_and_groups_and_a_thin_realm_are_announced_as_well(keycloak: Keycloak, tmp_path: Path) -> None:
    async with laboratory(keycloak, tmp_path) as lab:
        client = await lab.make_client()
        await lab.grant(client, "query-clients", "query-groups")
        token, base = await lab.token(client), f"/admin/realms/{lab.realm}"
        async with lab.proxy() as proxy:
            replies = {
                path: await lab.send(proxy, Attempt(method="GET", path=base + path, token=token)) for path in ("/clients", "/groups", "")
            }

    assert [reply.status for reply in replies.values()] == [200, 200, 200]
    assert "view-clients of realm-management" in replies["/clients"].headers["Kcproxy-Notice"]
    assert "view-users of realm-management" in replies["/groups"].headers["Kcproxy-Notice"]
    # 26.7.5 was measured in a realm with default groups, which are shown with view-users only.
    needed = "view-realm" if keycloak.version < "26.7" else "view-realm and view-users"
    assert f"{needed} of realm-management" in replies[""].headers["Kcproxy-Notice"]


async def test_serverinfo_for_a_realms_own_administrator_says_what_newer_versions_leave_out(keycloak: Keycloak, tmp_path: Path) -> None:
    async with laboratory(keycloak, tmp_path) as lab:
        client = await lab.make_client()
        await lab.grant(client, "realm-admin")
        async with lab.proxy() as proxy:
            reply = await lab.send(proxy, Attempt(method="GET", path="/admin/serverinfo", token=await lab.token(client)))

    assert reply.status == 200
    assert ("memoryInfo" in reply.body) is (keycloak.version < "26.4")
    assert ("only administrators of realm master" in reply.headers.get("Kcproxy-Notice", "")) is (keycloak.version >= "26.4")


async def test_without_look_ups_the_first_fix_works_too(keycloak: Keycloak, tmp_path: Path) -> None:
    async with laboratory(keycloak, tmp_path) as lab:
        client = await lab.make_client(fullScopeAllowed=False)
        async with lab.proxy() as proxy:
            attempt = Attempt(method="GET", path=f"/admin/realms/{lab.realm}/users", token=await lab.token(client))
            refused = await lab.send(proxy, attempt)
            assert refused.status == 403
            await lab.carry_out(refused.explanation["fixes"][0]["kcadm"])
            attempt.token = await lab.token(client)
            assert (await lab.send(proxy, attempt)).status == 200


async def test_names_that_a_shell_could_misread_are_granted_to_whom_they_belong(keycloak: Keycloak, tmp_path: Path) -> None:
    async with laboratory(keycloak, tmp_path) as lab:
        client = await lab.make_client(clientId='it\'s $(a) "test"; -x')
        async with lab.proxy() as proxy:
            attempt = Attempt(method="GET", path=f"/admin/realms/{lab.realm}/users", token=await lab.token(client))
            refused = await lab.send(proxy, attempt)
            await lab.carry_out(refused.explanation["fixes"][0]["kcadm"])
            attempt.token = await lab.token(client)
            assert (await lab.send(proxy, attempt)).status == 200


HOSTILE_CLIENTS = {  # control characters are left to the stub programs: 26.7 takes none in a query
    "substitution": ('it\'s $(touch pwned) "x" !y', "$(touch pwned)"),
    "unseen and blank": ("x\u202ey\u200b\u00a0!z", "a b;touch pwned&[y]"),
    "options": ("-x --server=http://evil.test", "-f"),
}


def _left_behind(folder: Path) -> list[Path]:
    """What the names would have made, here or in the folder of the test."""
    return [*folder.rglob("pwned"), *(place for place in (Path("pwned"),) if place.exists())]


@pytest.mark.parametrize(
    ("name", "by_curl", "looked_up"),
    [
        ("substitution", False, True),
        ("substitution", False, False),
        ("substitution", True, False),
        ("unseen and blank", False, True),
        ("unseen and blank", True, False),
        ("options", False, True),
    ],
)
async def test_a_client_whose_name_and_id_are_hostile_is_granted_its_role_and_nothing_else_happens(
    keycloak: Keycloak, tmp_path: Path, name: str, by_curl: bool, looked_up: bool
) -> None:
    client_id, internal_id = HOSTILE_CLIENTS[name]
    async with laboratory(keycloak, tmp_path) as lab:
        client = await lab.make_client(clientId=client_id, id=internal_id, fullScopeAllowed=False)
        async with lab.proxy(await lab.make_inspector() if looked_up else None) as proxy:
            attempt = Attempt(method="GET", path=f"/admin/realms/{lab.realm}/users", token=await lab.token(client))
            fix = (await lab.send(proxy, attempt)).explanation["fixes"][0]
            assert len(fix["kcadm"]) == 2
            await (lab.carry_out_by_curl(fix["curl"]) if by_curl else lab.carry_out(fix["kcadm"]))
            attempt.token = await lab.token(client)
            assert (await lab.send(proxy, attempt)).status == 200
    assert _left_behind(tmp_path) == []


async def test_the_fix_by_curl_works_as_well(keycloak: Keycloak, tmp_path: Path) -> None:
    async with laboratory(keycloak, tmp_path) as lab:
        client = await lab.make_client(fullScopeAllowed=False)
        async with lab.proxy() as proxy:
            attempt = Attempt(method="GET", path=f"/admin/realms/{lab.realm}/users", token=await lab.token(client))
            refused = await lab.send(proxy, attempt)
            await lab.carry_out_by_curl(refused.explanation["fixes"][0]["curl"])
            attempt.token = await lab.token(client)
            assert (await lab.send(proxy, attempt)).status == 200


async def test_a_host_that_only_the_caller_names_is_no_address_to_fetch_tokens_from(keycloak: Keycloak, tmp_path: Path) -> None:
    """Without a fixed hostname Keycloak takes its issuer from the Host of the request, in its discovery document too."""
    async with laboratory(keycloak, tmp_path) as lab:
        token = await lab.token(await lab.make_client())
        async with lab.proxy(preserve_host=True) as proxy:
            attempt = Attempt(method="GET", path=f"/admin/realms/{lab.realm}/users", token=token, headers={"Host": "login.evil.example"})
            reply = await lab.send(proxy, attempt)
    assert (reply.status, reply.cause, reply.confidence) == (401, "issuer-mismatch", "certain")
    assert "evil" not in str(reply.body) + str(reply.headers)
    assert "the address at which the program calls" in str(reply.explanation["fixes"])
