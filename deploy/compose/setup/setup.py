"""Sets Keycloak up for compose.yaml: a realm, a client with the least roles, a user, and the secrets as files. Can be repeated.

``python setup.py FOLDER`` with KEYCLOAK_URL and KEYCLOAK_ADMIN_PASSWORD. The administrator's password and the secrets are never printed.
"""

import hashlib
import json
import os
import secrets
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

REALM, CLIENT, USER = "demo", "demo-backend", "john-doe"
ROLES = ("view-users",)
"""Roles of the caller. It tries more, and gets the missing role."""

PROXY_USER = 65532


class Keycloak:
    """Calls of the Admin REST API by the administrator."""

    def __init__(self, url: str, password: str) -> None:
        self.url = url
        form = {"grant_type": "password", "client_id": "admin-cli", "username": "admin", "password": password}
        self.headers: dict[str, str] = {}
        answer = self.call("POST", "/realms/master/protocol/openid-connect/token", form=form)
        self.headers = {"Authorization": f"Bearer {answer['access_token']}"}

    def call(self, method: str, path: str, body: Any = None, *, form: dict[str, str] | None = None, there: bool = False) -> Any:
        """Return the JSON of the response. With ``there``, 409 (already exists) is fine. Any other failure ends the program with Keycloak's message."""
        data, headers = (json.dumps(body).encode() if body is not None else None), dict(self.headers)
        if body is not None:
            headers["Content-Type"] = "application/json"
        if form is not None:
            data = urllib.parse.urlencode(form).encode()
        request = urllib.request.Request(self.url + path, data=data, headers=headers, method=method)  # noqa: S310 - the operator's own URL
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - see above
                text = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                if there and error.code == 409:
                    return None
                sys.exit(f"{method} {path}: {error.code} {error.read(300).decode('utf-8', 'replace')}")
        return json.loads(text) if text else None


def prepare(keycloak: Keycloak) -> str:
    """Create realm, client, roles and user, and return the client's secret."""
    base = f"/admin/realms/{REALM}"
    keycloak.call("POST", "/admin/realms", {"realm": REALM, "enabled": True}, there=True)
    client = {
        "clientId": CLIENT,
        "publicClient": False,
        "serviceAccountsEnabled": True,
        "standardFlowEnabled": False,
        "directAccessGrantsEnabled": False,
    }
    keycloak.call("POST", f"{base}/clients", client, there=True)
    (made,) = keycloak.call("GET", f"{base}/clients?clientId={CLIENT}")
    account = keycloak.call("GET", f"{base}/clients/{made['id']}/service-account-user")
    (owner,) = keycloak.call("GET", f"{base}/clients?clientId=realm-management")
    roles = [keycloak.call("GET", f"{base}/clients/{owner['id']}/roles/{role}") for role in ROLES]
    keycloak.call("POST", f"{base}/users/{account['id']}/role-mappings/clients/{owner['id']}", roles)
    keycloak.call("POST", f"{base}/users", {"username": USER, "email": f"{USER}@example.com", "enabled": True}, there=True)
    return str(keycloak.call("GET", f"{base}/clients/{made['id']}/client-secret")["value"])


def write(file: Path, content: str) -> None:
    """Write a file for kcproxy's user only, atomically."""
    new = file.with_name(f".{file.name}.new")
    new.unlink(missing_ok=True)
    # Opened when it is created: afterwards, not even its owner may write it.
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "w", encoding="utf-8") as made:
        made.write(content)
    if os.geteuid() == 0:
        os.chown(new, PROXY_USER, PROXY_USER)
    new.replace(file)


def main() -> None:
    """Set everything up."""
    folder = Path(sys.argv[1])
    secret = prepare(Keycloak(os.environ["KEYCLOAK_URL"], os.environ["KEYCLOAK_ADMIN_PASSWORD"]))
    key, admin_key = secrets.token_hex(32), secrets.token_hex(16)
    write(folder / "proxy" / "client-secret", secret)
    write(folder / "proxy" / "admin-key", admin_key)
    write(
        folder / "proxy" / "api-keys.toml",
        f'[[keys]]\nname = "caller"\nsha256 = "{hashlib.sha256(key.encode()).hexdigest()}"\nrealms = ["{REALM}"]\n',
    )
    write(folder / "caller" / "key", key)
    print(f"realm {REALM}, client {CLIENT} with {', '.join(ROLES)}, user {USER}; secrets written")  # noqa: T201 - a program's result


if __name__ == "__main__":
    main()
