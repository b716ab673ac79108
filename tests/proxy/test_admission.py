"""Which requests get an injected token, and the error responses to the others."""

import asyncio
import base64
import hashlib
import json
import logging
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa

from devkit.servers import ACCOUNT, OK, RecordingUpstream, running_proxy
from kcproxy.errors import SettingsError
from kcproxy.keycloak.issuer_keys import TokenUnacceptable
from kcproxy.keycloak.jwt_verifier import JwtVerifier
from kcproxy.network import own_names
from kcproxy.proxy.admission import Admission, admission_of
from kcproxy.settings import AddressSettings, InboundSettings, Settings, UpstreamSettings
from kcproxy.settings.api_keys import read_keys
from tests.proxy.test_injected_tokens import forwarded, responding

pytestmark = pytest.mark.usefixtures("way")

USERS = "/admin/realms/demo/users"
KEYS = {"shop": "first-key", "audit": "second-key"}


def key_file(folder: Path, more: str = 'realms = ["demo"]\noperations = ["GET /admin/realms/{realm}/users*"]\n') -> Path:
    file = folder / "keys.toml"
    tables = [f'[[keys]]\nname = "{name}"\nsha256 = "{hashlib.sha256(key.encode()).hexdigest()}"\n' for name, key in KEYS.items()]
    file.write_text("\n".join([tables[0], tables[1] + more]))
    return file


class TestKeys:
    @pytest.mark.parametrize(
        "case",
        [
            ("GET", USERS, "first-key", 200, None),
            ("POST", USERS, "first-key", 200, None),
            ("GET", "/admin/realms/demo/not-in-the-table", "Bearer first-key", 200, None),
            ("GET", USERS, "bearer   first-key", 200, None),
            ("GET", USERS, "second-key", 200, None),
            ("POST", USERS, "second-key", 403, b"key-insufficient"),
            ("GET", "/admin/realms/demo/not-in-the-table", "second-key", 403, b"key-insufficient"),
            ("GET", USERS, "wrong", 401, b"key-unknown"),
            ("GET", USERS, "", 401, b"key-unknown"),
            ("GET", USERS, "of.three.parts", 401, b"key-unknown"),
            ("GET", USERS, None, 401, b"key-required"),
        ],
    )
    async def test_open_what_they_are_for(
        self, upstream: RecordingUpstream, tmp_path: Path, case: tuple[str, str, str | None, int, bytes | None]
    ) -> None:
        method, target, key, status, kind = case
        responding(upstream, lambda _: OK)
        async with running_proxy(upstream.port, accounts=(ACCOUNT,), admission=Admission(read_keys(key_file(tmp_path)))) as proxy:
            answer = await proxy.get(target, *([] if key is None else [f"Kcproxy-Key: {key}"]), method=method)
            assert (answer.status, answer.value("kcproxy-error")) == (status, kind)
            assert forwarded(upstream) == ([(target.encode(), b"Bearer t1")] if status == 200 else [])
            if kind is not None:
                assert "The proxy, not Keycloak, refused" in json.loads(answer.body)["message"]
                assert (answer.value("www-authenticate") is not None) == (status == 401)
                assert ("the key of audit" in json.loads(answer.body)["message"]) == (kind == b"key-insufficient")

    async def test_a_realm_that_is_not_the_keys_is_not_opened(self, upstream: RecordingUpstream, tmp_path: Path) -> None:
        responding(upstream, lambda _: OK)
        account = replace(ACCOUNT, realms=("*",))
        async with running_proxy(upstream.port, accounts=(account,), admission=Admission(read_keys(key_file(tmp_path)))) as proxy:
            assert (await proxy.get("/admin/realms/other/users", "Kcproxy-Key: second-key")).status == 403
            assert (await proxy.get("/admin/realms/other/users", "Kcproxy-Key: first-key")).status == 200
            assert [record.admitted for record in await proxy.settled(2)] == [None, "shop"]

    @pytest.mark.parametrize(
        ("method", "target", "status"),
        [("GET", USERS, 200), ("GET", "/admin/realms/demo/not-in-the-table", 200), ("POST", USERS, 403), ("DELETE", f"{USERS}/x", 403)],
    )
    async def test_a_key_for_reading_opens_no_write(
        self, upstream: RecordingUpstream, tmp_path: Path, method: str, target: str, status: int
    ) -> None:
        responding(upstream, lambda _: OK)
        keys = read_keys(key_file(tmp_path, 'methods = ["GET", "HEAD"]\n'))
        async with running_proxy(upstream.port, accounts=(ACCOUNT,), admission=Admission(keys)) as proxy:
            answer = await proxy.get(target, "Kcproxy-Key: second-key", method=method)
            assert (answer.status, answer.value("kcproxy-error")) == (status, None if status == 200 else b"key-insufficient")
            assert len(forwarded(upstream)) == (status == 200)

    async def test_a_caller_with_a_token_of_keycloak_needs_no_key_and_no_key_ever_reaches_keycloak(
        self, upstream: RecordingUpstream, tmp_path: Path
    ) -> None:
        async with running_proxy(upstream.port, accounts=(ACCOUNT,), admission=Admission(read_keys(key_file(tmp_path)))) as proxy:
            assert (await proxy.get(USERS, "Authorization: Bearer own", "Kcproxy-Key: first-key")).status == 200
            assert (await proxy.get("/realms/demo/account")).status == 200
        assert [request.value("kcproxy-key") for request in upstream.requests] == [None, None]
        assert upstream.requests[0].value("authorization") == b"Bearer own"

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("", "has no"),
            ("keys = 1", "has no"),
            ("[[keys]]\n", "name is missing"),
            ('[[keys]]\nname = "a"\nsha256 = "not-a-hash-but-the-key"\n', "write the hash of the key, not the key"),
            ('[[keys]]\nname = "a"\nsha256 = "' + "a" * 64 + '"\nrealm = "x"\n', "'realm' is not a member"),
            ('[[keys]]\nname = "a"\nsha256 = "' + "a" * 64 + '"\nrealms = []\n', "realms is empty or not a list of strings"),
            (('[[keys]]\nname = "a"\nsha256 = "' + "a" * 64 + '"\n') * 2, "two callers have the same key"),
            ("not toml", "is not valid TOML"),
        ],
    )
    def test_a_file_that_cannot_serve_is_refused_without_showing_what_is_in_it(self, tmp_path: Path, text: str, said: str) -> None:
        file = tmp_path / "keys.toml"
        file.write_text(text)
        with pytest.raises(SettingsError) as caught:
            read_keys(file)
        assert said in str(caught.value)
        assert "not-a-hash-but-the-key" not in str(caught.value)
        assert "a" * 64 not in str(caught.value)


class TestHosts:
    """A web page with DNS rebinding sends its own name as Host. All names: tests/test_network.py."""

    OWN = own_names("web1.example.com", ("kcproxy.internal",))

    @pytest.mark.parametrize(
        ("host", "let_in"),
        [
            ("localhost", True),
            ("LOCALHOST:8180", True),
            ("app.localhost:8180", True),
            ("127.0.0.1:8180", True),
            ("127.1.2.3", True),
            ("[::1]:8180", True),
            ("web1", True),
            ("kcproxy.internal", True),
            ("sso.example.com", False),  # the upstream's own name: a server of a page under it is not this machine
            ("attacker", False),
            ("wpad", False),
            ("2130706433", False),
            ("@localhost", False),
            ("localhost@evil", False),
            ("", False),
            ("[::1%lo]", False),
            ("127.1", False),
            ("evil.example.com:8180", False),
            ("127.0.0.1.evil.example.com", False),
            ("localhost.evil.example.com", False),
            ("192.0.2.1", False),
            ("[2001:db8::1]:8180", False),
            ("evil.example.com.", False),
        ],
    )
    async def test_a_loopback_listener_injects_only_under_its_own_names(self, upstream: RecordingUpstream, host: str, let_in: bool) -> None:
        responding(upstream, lambda _: OK)
        async with running_proxy(upstream.port, accounts=(ACCOUNT,), admission=Admission(own_names=self.OWN)) as proxy:
            answer = await proxy.send(f"GET {USERS} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            assert (answer.status, answer.value("kcproxy-error")) == ((200, None) if let_in else (403, b"foreign-host"))
            assert len(forwarded(upstream)) == let_in
            assert ("inbound.allowed_hosts" in answer.body.decode()) != let_in, "the refusal names the setting"
            assert (await proxy.send(f"GET /realms/x HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())).status == 200
            own = f"GET {USERS} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer own\r\n\r\n"
            assert (await proxy.send(own.encode())).status == 200, "their own token is no business of ours"

    async def test_a_request_that_names_no_host_names_none_of_ours(self, upstream: RecordingUpstream) -> None:
        """HTTP/1.0 requires no Host. A request without one does not name this machine."""
        responding(upstream, lambda _: OK)
        async with running_proxy(upstream.port, accounts=(ACCOUNT,), admission=Admission(own_names=self.OWN)) as proxy:
            refused = await proxy.send(f"GET {USERS} HTTP/1.0\r\n\r\n".encode())
            assert (refused.status, refused.value("kcproxy-error")) == (403, b"foreign-host")
            assert (await proxy.send(f"GET {USERS} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())).status == 200
        assert len(forwarded(upstream)) == 1

    @pytest.mark.parametrize(
        ("listen", "inbound", "guarded"),
        [
            (AddressSettings(host="127.0.0.1", port=1), InboundSettings(), True),
            (AddressSettings(host="127.8.0.1", port=1), InboundSettings(), True),
            (AddressSettings(host="::1", port=1), InboundSettings(), True),
            (AddressSettings(host="LOCALHOST", port=1), InboundSettings(allowed_hosts=("kc.internal",)), True),
            (AddressSettings(unix_path=Path("/x")), InboundSettings(), False),
            (AddressSettings(host="0.0.0.0", port=1), InboundSettings(tls_client_ca_file=Path("/x")), False),
        ],
    )
    def test_which_listeners_look_at_the_name(self, listen: AddressSettings, inbound: InboundSettings, guarded: bool) -> None:
        settings = Settings(upstream=UpstreamSettings(scheme="http", host="KC.example.com", port=80), listen=listen, inbound=inbound)
        names = own_names(os.uname().nodename, inbound.allowed_hosts)
        assert admission_of(settings).own_names == (names if guarded else None)
        assert "kc.example.com" not in names


@dataclass
class Issuer:
    """An issuer on a port, with its keys."""

    url: str = ""
    keys: dict[str, rsa.RSAPrivateKey] = field(default_factory=dict)
    fetches: int = 0
    down: bool = False
    jwks_uri: Any = "/certs"  # below ``url``, or anything else as it is
    document: Any = None  # in place of the keys
    pause_seconds: float | None = None  # in the middle of the keys

    def token(
        self, kid: str = "one", *, key: Any = None, algorithm: str = "RS256", header: dict[str, Any] | None = None, **claims: Any
    ) -> str:
        now = int(time.time())
        known = {"iss": self.url, "aud": ["kcproxy", "other"], "azp": "shop", "typ": "Bearer", "exp": now + 60, "iat": now}
        chosen = {name: value for name, value in {**known, **claims}.items() if value is not None}
        return jwt.encode(chosen, key or self.keys[kid], algorithm=algorithm, headers={"kid": kid, **(header or {})})

    async def discovery(self, _: web.Request) -> web.Response:
        uri = self.url + self.jwks_uri if self.jwks_uri == "/certs" else self.jwks_uri
        return web.json_response({"issuer": self.url, "jwks_uri": uri}, status=503 if self.down else 200)

    async def certs(self, request: web.Request) -> web.StreamResponse:
        self.fetches += 1
        if self.document is not None:
            return web.json_response(self.document)
        named = [{**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())), "kid": kid} for kid, key in self.keys.items()]
        document = json.dumps({"keys": [*named, {"kty": "oct", "kid": "symmetric", "k": "c2VjcmV0"}]}).encode()
        response = web.StreamResponse(headers={"Content-Length": str(len(document))})
        await response.prepare(request)
        await response.write(document[:100])
        if self.pause_seconds is not None:
            await asyncio.sleep(self.pause_seconds)
        await response.write(document[100:])
        return response


OTHER_KEY = rsa.generate_private_key(65537, 2048)


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    issuer = Issuer(keys={"one": rsa.generate_private_key(65537, 2048)})
    app = web.Application()
    app.router.add_get("/realms/apps/.well-known/openid-configuration", issuer.discovery)
    app.router.add_get("/realms/apps/certs", issuer.certs)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    issuer.url = f"http://127.0.0.1:{runner.addresses[0][1]}/realms/apps"
    yield issuer
    await runner.cleanup()


class TestTokens:
    async def test_a_verified_token_opens(self, upstream: RecordingUpstream, issuer: Issuer) -> None:
        responding(upstream, lambda _: OK)
        admission = Admission(jwt_verifier=JwtVerifier((issuer.url,), "kcproxy"))
        async with running_proxy(upstream.port, accounts=(ACCOUNT,), admission=admission) as proxy:
            for _ in range(3):
                assert (await proxy.get(USERS, f"Kcproxy-Key: Bearer {issuer.token()}")).status == 200
            refused = await proxy.get(USERS, f"Kcproxy-Key: {issuer.token(exp=1)}")
            assert (refused.status, refused.value("kcproxy-error")) == (401, b"key-unknown")
            assert "it has expired" in json.loads(refused.body)["message"]
        assert forwarded(upstream) == [(USERS.encode(), b"Bearer t1")] * 3
        assert issuer.fetches == 1

    @pytest.mark.parametrize(
        ("claims", "named"), [({}, "shop"), ({"azp": None, "sub": "42"}, "42"), ({"azp": None}, "unnamed"), ({"sub": "42"}, "shop")]
    )
    async def test_the_log_names_the_client_of_a_verified_token(
        self, upstream: RecordingUpstream, issuer: Issuer, claims: dict[str, Any], named: str
    ) -> None:
        responding(upstream, lambda _: OK)
        admission = Admission(jwt_verifier=JwtVerifier((issuer.url,), "kcproxy"))
        async with running_proxy(upstream.port, accounts=(ACCOUNT,), admission=admission) as proxy:
            assert (await proxy.get(USERS, f"Kcproxy-Key: {issuer.token(**claims)}")).status == 200
            assert [record.admitted for record in await proxy.settled(1)] == [named]

    async def test_where_keys_and_tokens_are_asked_for_either_opens_and_nothing_else(
        self, upstream: RecordingUpstream, issuer: Issuer, tmp_path: Path
    ) -> None:
        responding(upstream, lambda _: OK)
        admission = Admission(keys=read_keys(key_file(tmp_path)), jwt_verifier=JwtVerifier((issuer.url,), "kcproxy"))
        async with running_proxy(upstream.port, accounts=(ACCOUNT,), admission=admission) as proxy:
            shown = {"first-key": 200, issuer.token(): 200, "wrong": 401, "of.three.parts": 401, issuer.token(exp=1): 401}
            for key, status in shown.items():
                assert (await proxy.get(USERS, f"Kcproxy-Key: {key}")).status == status
            assert (await proxy.get(USERS)).value("kcproxy-error") == b"key-required"

    async def test_where_only_tokens_are_asked_for_no_word_is_a_key(self, upstream: RecordingUpstream, issuer: Issuer) -> None:
        responding(upstream, lambda _: OK)
        async with running_proxy(
            upstream.port, accounts=(ACCOUNT,), admission=Admission(jwt_verifier=JwtVerifier((issuer.url,), "kcproxy"))
        ) as proxy:
            assert (await proxy.get(USERS, "Kcproxy-Key: first-key")).value("kcproxy-error") == b"key-unknown"
        assert forwarded(upstream) == []

    @pytest.mark.parametrize(
        ("claims", "said"),
        [
            ({"exp": 1}, "expired"),
            ({"exp": None}, "audience"),
            ({"aud": "other"}, "audience"),
            ({"aud": None}, "audience"),
            ({"iss": "https://evil.example.com"}, "issuer"),
            ({"iss": None}, "issuer"),
            ({"nbf": 9_999_999_999}, "times"),
            ({"key": OTHER_KEY}, "signature"),
            ({"kid": "unknown", "key": OTHER_KEY}, "key is not among"),
            ({"kid": "symmetric", "key": "secret" * 8, "algorithm": "HS256"}, "asymmetric"),
        ],
    )
    async def test_any_other_is_refused_and_not_quoted(self, issuer: Issuer, claims: dict[str, Any], said: str) -> None:
        token = issuer.token(**claims)
        with pytest.raises(TokenUnacceptable, match=said) as caught:
            await JwtVerifier((issuer.url,), "kcproxy").verify(token)
        assert token[:20] not in str(caught.value)

    async def test_an_unsigned_one_is_refused(self, issuer: Issuer) -> None:
        parts = [{"alg": "none", "kid": "one"}, {"iss": issuer.url, "aud": "kcproxy", "exp": 9_999_999_999}]
        encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
        for token in (".".join([*encoded, ""]), ".".join([*encoded, "x"]), "a.b.c", "x" * 100_000, "..", "é.b.c"):
            with pytest.raises(TokenUnacceptable):
                await JwtVerifier((issuer.url,), "kcproxy").verify(token)

    async def test_keys_that_come_in_two_packets_are_read_whole(self, issuer: Issuer) -> None:
        issuer.pause_seconds = 0.05
        await JwtVerifier((issuer.url,), "kcproxy").verify(issuer.token())

    async def test_a_new_key_is_fetched_and_made_up_ones_are_not_asked_for_again_and_again(self, issuer: Issuer) -> None:
        now = [1000.0]
        jwt_verifier = JwtVerifier((issuer.url,), "kcproxy", clock=lambda: now[0])
        await jwt_verifier.verify(issuer.token())
        issuer.keys["two"] = rsa.generate_private_key(65537, 2048)
        now[0] += 6
        await jwt_verifier.verify(issuer.token("two"))
        for _ in range(20):
            with pytest.raises(TokenUnacceptable):
                await jwt_verifier.verify(issuer.token("made-up", key=OTHER_KEY))
        assert issuer.fetches == 2

    @pytest.mark.parametrize(
        ("header", "claims", "said"),
        [
            ({}, {"typ": "ID"}, "an ID token"),
            ({}, {"typ": "Refresh"}, "a refresh token"),
            ({}, {"typ": "Offline"}, "an offline token"),
            ({}, {"typ": "Logout"}, "a logout token"),
            ({}, {"typ": "id"}, "an ID token"),
            ({}, {"typ": "RegistrationAccessToken"}, "another kind"),
            ({}, {"typ": "InitialAccessToken"}, "another kind"),
            ({}, {"typ": ""}, "another kind"),
            ({}, {"typ": 7}, "another kind"),
            ({}, {"typ": ["Bearer"]}, "another kind"),
            ({}, {"typ": None}, "does not say that it is an access token"),
            ({"typ": None}, {"typ": None}, "does not say that it is an access token"),
            ({"typ": "at+jwt"}, {"typ": "ID"}, "an ID token"),
            ({"typ": "logout+jwt"}, {"typ": "Bearer"}, "another kind"),
            ({"typ": "dpop+jwt"}, {"typ": None}, "another kind"),
            ({}, {"typ": "DPoP"}, "bound to a key"),
            ({}, {"typ": "Bearer", "cnf": {"jkt": "x"}}, "bound to a key"),
            ({}, {"typ": "Bearer", "cnf": {"x5t#S256": "x"}}, "bound to a key"),
            ({"typ": "at+jwt"}, {"typ": None, "cnf": {}}, "bound to a key"),
        ],
    )
    async def test_only_access_tokens_open(self, issuer: Issuer, header: dict[str, Any], claims: dict[str, Any], said: str) -> None:
        with pytest.raises(TokenUnacceptable, match=said):
            await JwtVerifier((issuer.url,), "kcproxy").verify(issuer.token(header=header, **claims))

    @pytest.mark.parametrize(
        ("header", "claims"),
        [
            ({}, {"typ": "Bearer"}),
            ({}, {"typ": "bearer"}),
            ({"typ": None}, {"typ": "Bearer"}),
            ({"typ": "at+jwt"}, {"typ": "Bearer"}),
            ({"typ": "AT+JWT"}, {"typ": None}),
            ({"typ": "application/at+jwt"}, {"typ": None}),
        ],
    )
    async def test_every_form_of_access_token_opens(self, issuer: Issuer, header: dict[str, Any], claims: dict[str, Any]) -> None:
        assert (await JwtVerifier((issuer.url,), "kcproxy").verify(issuer.token(header=header, **claims)))["azp"] == "shop"

    async def test_the_refusal_of_an_id_token_says_what_to_send(self, upstream: RecordingUpstream, issuer: Issuer) -> None:
        admission = Admission(jwt_verifier=JwtVerifier((issuer.url,), "kcproxy"))
        async with running_proxy(upstream.port, accounts=(ACCOUNT,), admission=admission) as proxy:
            refused = await proxy.get(USERS, f"Kcproxy-Key: {issuer.token(typ='ID')}")
        assert (refused.status, refused.value("kcproxy-error"), upstream.requests) == (401, b"key-unknown", [])
        assert "it is an ID token; send an access token" in json.loads(refused.body)["message"]


class TestKeysOfAnIssuerThatIsDown:
    async def test_stay_in_use_up_to_their_age_and_no_longer(self, issuer: Issuer, caplog: pytest.LogCaptureFixture) -> None:
        now, told = [1000.0], list[tuple[str, str]]()
        jwt_verifier = JwtVerifier(
            (issuer.url,),
            "kcproxy",
            max_age_seconds=7200,
            on_fetch=lambda what, outcome, _: told.append((what, outcome)),
            clock=lambda: now[0],
        )
        await jwt_verifier.verify(issuer.token())
        issuer.down = True
        with caplog.at_level(logging.WARNING):
            for seconds in (601, 3600, 7199):
                now[0] = 1000.0 + seconds
                assert (await jwt_verifier.verify(issuer.token()))["azp"] == "shop"
            assert [record.getMessage().partition(" (")[0] for record in caplog.records] == [
                f"the keys of issuer {issuer.url} could not be fetched for 10 min"
            ], "it is said once"
            assert caplog.messages[0].endswith("stay in use until they are 2 h old")
            now[0] = 1000.0 + 7210
            with pytest.raises(TokenUnacceptable, match=r"could not be fetched for 2 h, longer than inbound.jwt_keys_max_age_seconds"):
                await jwt_verifier.verify(issuer.token())
            now[0] += 6
            with pytest.raises(TokenUnacceptable):
                await jwt_verifier.verify(issuer.token())
            assert [message.endswith("its tokens are refused") for message in caplog.messages] == [False, True]
            issuer.down = False
            now[0] += 6
            assert (await jwt_verifier.verify(issuer.token()))["azp"] == "shop"
            assert "can be fetched again" in caplog.messages[-1]
        assert told == [("issuer-keys", "ok"), *[("issuer-keys", "failed")] * 5, ("issuer-keys", "ok")]

    async def test_a_key_that_was_withdrawn_in_the_meantime_is_not_good_for_ever(self, issuer: Issuer) -> None:
        now = [1000.0]
        jwt_verifier = JwtVerifier((issuer.url,), "kcproxy", clock=lambda: now[0])
        stolen = issuer.token(exp=9_999_999_999)
        await jwt_verifier.verify(stolen)
        issuer.down = True
        now[0] += 86_399
        await jwt_verifier.verify(stolen)
        now[0] += 2
        with pytest.raises(TokenUnacceptable, match="24 h"):
            await jwt_verifier.verify(stolen)

    async def test_an_issuer_that_hangs_holds_up_one_caller_and_not_the_others(
        self, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = [1000.0]
        jwt_verifier = JwtVerifier((issuer.url,), "kcproxy", clock=lambda: now[0])
        await jwt_verifier.verify(issuer.token())
        now[0] += 700
        hanging = asyncio.Event()

        async def hang(_: object) -> None:
            hanging.set()
            await asyncio.sleep(60)

        monkeypatch.setattr("kcproxy.keycloak.issuer_keys.IssuerKeys._fetch", hang)
        held_up = asyncio.create_task(jwt_verifier.verify(issuer.token()))
        await hanging.wait()
        async with asyncio.timeout(2):
            assert (await jwt_verifier.verify(issuer.token()))["azp"] == "shop"
        held_up.cancel()

    @pytest.mark.parametrize(
        "document",
        [{"keys": 1}, {"keys": {"kid": "one"}}, {}, [], "x", {"keys": ["x", None, 7, {}]}, {"keys": [{"kty": "RSA", "kid": "one"}]}],
    )
    async def test_a_key_set_that_is_none_opens_nothing(self, issuer: Issuer, document: Any) -> None:
        issuer.document = document
        with pytest.raises(TokenUnacceptable):
            await JwtVerifier((issuer.url,), "kcproxy").verify(issuer.token())

    @pytest.mark.parametrize("uri", [None, 7, "", "file:///etc/passwd", "http://user:secret@localhost/", "http://[::1/"])
    async def test_a_key_set_at_an_address_that_cannot_be_used_opens_nothing(
        self, issuer: Issuer, uri: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        issuer.jwks_uri = uri
        with pytest.raises(TokenUnacceptable, match="not available"):
            await JwtVerifier((issuer.url,), "kcproxy").verify(issuer.token())
        assert "could not be fetched" in caplog.text
        assert "secret" not in caplog.text

    async def test_without_any_there_is_no_verification(self, issuer: Issuer) -> None:
        issuer.down = True
        with pytest.raises(TokenUnacceptable, match="not available at the moment"):
            await JwtVerifier((issuer.url,), "kcproxy").verify(issuer.token())

    async def test_the_setting_reaches_the_issuers(self, issuer: Issuer) -> None:
        settings = Settings(
            upstream=UpstreamSettings(scheme="http", host="localhost", port=80),
            inbound=InboundSettings(jwt_issuers=(issuer.url,), jwt_audience="kcproxy", jwt_keys_max_age_seconds=600.0),
        )
        told = list[str]()
        jwt_verifier = admission_of(settings, on_fetch=lambda what, outcome, _: told.append(f"{what} {outcome}")).jwt_verifier
        assert jwt_verifier is not None
        await jwt_verifier.verify(issuer.token())
        assert told == ["issuer-keys ok"]
        (keys,) = jwt_verifier.keys.values()
        assert keys._max_age_seconds == 600.0
