"""Ways for a client to prove itself to a real Keycloak, each with its rotation: a successor at Keycloak, on disk, and the old one retired."""

import json
import ssl
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from devkit.certificates import Authority, Pair
from tests.live.test_proxy_grants import ROBOT, Realm

SECRETS = ("the-first-secret-with-&-and-%-in-it", "the-second-secret-with-&-and-%-in-it")
SUBJECT = "system:serviceaccount:demo:demo-backend"
Files = Mapping[str, str | bytes]


@dataclass(slots=True, kw_only=True)
class Place:
    """Where a way of proving is tried: the client's realm at Keycloak, and the addresses of the same server."""

    realm: Realm
    http_url: str
    https_url: str
    authority: Authority

    @property
    def clients(self) -> str:
        """Path of the realm's clients."""
        return f"/admin/realms/{self.realm.name}/clients"

    async def client(self) -> dict[str, Any]:
        """The client as Keycloak has it."""
        found: list[dict[str, Any]] = await self.realm.admin("GET", f"{self.clients}?clientId={ROBOT}")
        return found[0]

    async def change(self, *, attributes: Mapping[str, str] | None = None, **fields: Any) -> None:
        """Change the client."""
        known = await self.client()
        merged = {**known, **fields, "attributes": {**known["attributes"], **(attributes or {})}}
        await self.realm.admin("PUT", f"{self.clients}/{known['id']}", merged)


class Way(ABC):
    """One way of proving, from its first setting to the retirement of its first secret."""

    def __init__(self, place: Place) -> None:
        self.place = place

    upstream_settings = ""
    """Further lines of ``[upstream]``; ``{folder}`` is where the secret's files are."""

    @property
    @abstractmethod
    def account_settings(self) -> str:
        """Lines of ``[[accounts]]``; ``{folder}`` as above."""

    @property
    def upstream_url(self) -> str:
        """By which of Keycloak's addresses."""
        return self.place.http_url

    @abstractmethod
    async def introduce(self) -> Files:
        """Set the client up for its first secret; what stands on disk then."""

    @abstractmethod
    async def succeed(self) -> Files:
        """Give the client its second secret; what is to stand on disk then."""

    async def retire(self) -> None:  # noqa: B027 - for most there is nothing to do
        """Have Keycloak refuse the first secret, where it still took it beside the second."""


class PlainSecret(Way):
    """One secret at a time: Keycloak refuses the first one from the moment in which it has the second."""

    def __init__(self, place: Place, method: str) -> None:
        super().__init__(place)
        self.method = method

    @property
    def account_settings(self) -> str:
        return f'auth = "{self.method}"\nclient_secret_file = "{{folder}}/secret"\n'

    async def introduce(self) -> Files:
        kind = "client-secret-jwt" if self.method == "client_secret_jwt" else "client-secret"
        await self.place.change(clientAuthenticatorType=kind, secret=SECRETS[0])
        return {"secret": SECRETS[0] + "\n"}

    async def succeed(self) -> Files:
        await self.place.change(secret=SECRETS[1])
        return {"secret": SECRETS[1] + "\n"}


class RotatedSecret(PlainSecret):
    """The realm's client policy rotates secrets: the first one is taken beside the second until it is retired."""

    async def introduce(self) -> Files:
        await super().introduce()
        await self._set_policy()
        return {"secret": (await self._rotate()) + "\n"}

    async def succeed(self) -> Files:
        return {"secret": (await self._rotate()) + "\n"}

    async def retire(self) -> None:
        await self.place.realm.admin("DELETE", f"{self.place.clients}/{(await self.place.client())['id']}/client-secret/rotated")

    async def _rotate(self) -> str:
        made = await self.place.realm.admin("POST", f"{self.place.clients}/{(await self.place.client())['id']}/client-secret")
        return str(made["value"])

    async def _set_policy(self) -> None:
        base = f"/admin/realms/{self.place.realm.name}/client-policies"
        periods = {"expiration-period": 3600, "rotated-expiration-period": 1800, "remaining-rotation-period": 600}
        profile = {"name": "rotation", "executors": [{"executor": "secret-rotation", "configuration": periods}]}
        condition = {"condition": "client-access-type", "configuration": {"type": ["confidential"]}}
        policy = {"name": "rotation", "enabled": True, "conditions": [condition], "profiles": ["rotation"]}
        await self.place.realm.admin("PUT", f"{base}/profiles", {"profiles": [profile]})
        await self.place.realm.admin("PUT", f"{base}/policies", {"policies": [policy]})


class Key:
    """A private key with an id."""

    def __init__(self, kid: str) -> None:
        self.kid = kid
        self.private = rsa.generate_private_key(65537, 2048)

    @property
    def pem(self) -> bytes:
        """The key as PKCS 8."""
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def named(self) -> str:
        """The key as a private JSON Web Key."""
        return json.dumps(json.loads(str(jwt.algorithms.RSAAlgorithm.to_jwk(self.private))) | {"kid": self.kid, "alg": "RS256"})

    @property
    def public(self) -> dict[str, Any]:
        """The key as a public JSON Web Key."""
        known: dict[str, Any] = json.loads(str(jwt.algorithms.RSAAlgorithm.to_jwk(self.private.public_key())))
        return known | {"kid": self.kid, "use": "sig", "alg": "RS256"}


class PlainKey(Way):
    """A PEM file, one key at a time at Keycloak."""

    account_settings = 'private_key_file = "{folder}/key"\n'

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.keys = (Key("first"), Key("second"))

    async def introduce(self) -> Files:
        await self.place.change(clientAuthenticatorType="client-jwt", attributes=self._known(self.keys[0]))
        return {"key": self.keys[0].pem}

    async def succeed(self) -> Files:
        await self.place.change(attributes=self._known(self.keys[1]))
        return {"key": self.keys[1].pem}

    @staticmethod
    def _known(*keys: Key) -> dict[str, str]:
        return {"use.jwks.string": "true", "jwks.string": json.dumps({"keys": [key.public for key in keys]})}


class NamedKey(PlainKey):
    """A JSON Web Key, whose id tells Keycloak which of the two keys that it knows for a while was used."""

    async def introduce(self) -> Files:
        await super().introduce()
        return {"key": self.keys[0].named}

    async def succeed(self) -> Files:
        await self.place.change(attributes=self._known(*self.keys))
        return {"key": self.keys[1].named}

    async def retire(self) -> None:
        await self.place.change(attributes=self._known(self.keys[1]))


class Certificate(Way):
    """Mutual TLS; the client is known by the subject of its certificate (Keycloak's X509 Certificate authenticator)."""

    upstream_settings = 'client_certificate_file = "{folder}/tls.crt"\nclient_key_file = "{folder}/tls.key"\n'
    account_settings = 'auth = "tls_client_auth"\n'

    @property
    def upstream_url(self) -> str:
        return self.place.https_url

    async def introduce(self) -> Files:
        await self._admit("CN=robot-(one|two)")
        return self._signed("robot-one")

    async def succeed(self) -> Files:
        return self._signed("robot-two")

    async def retire(self) -> None:
        await self._admit("CN=robot-two")

    def _signed(self, name: str) -> Files:
        pair = self.place.authority.sign(name)
        return {"tls.crt": pair.certificate.read_bytes(), "tls.key": pair.key.read_bytes()}

    async def _admit(self, subject: str) -> None:
        attributes = {"x509.subjectdn": subject, "x509.allow.regex.pattern.comparison": "true"}
        await self.place.change(clientAuthenticatorType="client-x509", attributes=attributes)


class ProjectedToken(Way):
    """The token that the kubelet projects into the pod, signed by the cluster; Keycloak knows the cluster as an identity provider."""

    account_settings = 'assertion_file = "{folder}/token"\n'
    first_lives_seconds = 4

    def __init__(self, place: Place, cluster: "Cluster") -> None:
        super().__init__(place)
        self.cluster = cluster

    async def introduce(self) -> Files:
        provider = {"alias": "cluster", "providerId": "kubernetes", "enabled": True, "config": {"issuer": self.cluster.url}}
        await self.place.realm.admin("POST", f"/admin/realms/{self.place.realm.name}/identity-provider/instances", provider)
        attributes = {"jwt.credential.issuer": "cluster", "jwt.credential.sub": SUBJECT}
        await self.place.change(clientAuthenticatorType="federated-jwt", attributes=attributes)
        return {"token": self._token(self.cluster.keys[0], lives_seconds=self.first_lives_seconds)}

    async def succeed(self) -> Files:
        return {"token": self._token(self.cluster.keys[1], lives_seconds=600)}

    def _token(self, key: Key, *, lives_seconds: int) -> str:
        audience = f"{self.place.http_url}/realms/{self.place.realm.name}"
        return self.cluster.token(key, audience=audience, lives_seconds=lives_seconds)


class Cluster:
    """What Keycloak sees of a Kubernetes cluster: an issuer with a discovery document and two keys, of which it signs with one at a time."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.keys = (Key("cluster-1"), Key("cluster-2"))

    def token(self, key: Key, *, audience: str, lives_seconds: int, subject: str = SUBJECT) -> str:
        """A projected service account token, with the claims that the API server writes."""
        now = int(time.time())
        pod = {"namespace": "demo", "serviceaccount": {"name": "demo-backend"}, "pod": {"name": "demo-backend-0"}}
        times = {"iat": now, "nbf": now, "exp": now + lives_seconds}
        claims = {"iss": self.url, "sub": subject, "aud": [audience], "jti": str(uuid4()), "kubernetes.io": pod, **times}
        return jwt.encode(claims, key.private, algorithm="RS256", headers={"kid": key.kid})

    def document(self, path: str) -> dict[str, Any]:
        """What the API server answers on its two public paths."""
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": f"{self.url}/openid/v1/jwks"}
        return {"keys": [key.public for key in self.keys]}


@contextmanager
def running_cluster(*, status: int = 200, tls: Pair | None = None) -> Iterator[Cluster]:
    """The issuer on a port of loopback. ``status``: of its answers, as an API server refuses callers without a ClusterRole."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            failure = {
                "kind": "Status",
                "status": "Failure",
                "code": status,
            }  # as an API server refuses; Keycloak does not look at the code
            body = json.dumps(cluster.document(self.path) if status == 200 else failure).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
            """Nothing: a test's output is for its own results."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls.certificate, tls.key)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        cluster = Cluster(f"{'http' if tls is None else 'https'}://localhost:{server.server_port}")
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield cluster
        finally:
            server.shutdown()
            thread.join()
