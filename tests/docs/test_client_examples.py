"""The programs in docs/clients/ print the role and a command that works, on the simulator."""

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kcproxy.testing import Simulator, simulator

GOCLOAK, ADMIN_CLIENT = "v14.0.4", "26.0.9"
"""Versions of the libraries. Keycloak's Java admin client has a version of its own, which works with all current servers."""
POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>example</groupId><artifactId>example</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.keycloak</groupId><artifactId>keycloak-admin-client</artifactId><version>{ADMIN_CLIENT}</version></dependency>
  </dependencies>
</project>
"""
DOCS = Path(__file__).resolve().parents[2] / "docs"
SCRIPT = """
import {{ explaining }} from "{file}";
const response = await explaining(fetch)(process.argv[2], {{ headers: {{ authorization: `Bearer ${{process.env.TOKEN}}` }} }});
console.log(response.status);
"""


def bearer(**claims: str) -> str:
    return "Bearer header." + base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=") + ".signature"


@pytest.fixture(scope="module")
def keycloak() -> Iterator[Simulator]:
    with simulator() as running:
        yield running


def javascript(folder: Path, url: str) -> list[str]:
    script = folder / "call.mjs"
    script.write_text(SCRIPT.format(file=DOCS / "clients" / "explaining-fetch.mjs"), encoding="utf-8")
    return ["node", str(script), url]


def go(folder: Path, url: str) -> list[str]:
    """With gocloak from Go's module proxy, built first: the test's environment names the folder."""
    shutil.copy(DOCS / "clients" / "explaining_transport.go", folder / "main.go")
    for words in (["mod", "init", "example"], ["get", f"github.com/Nerzal/gocloak/v14@{GOCLOAK}"], ["build", "-o", "example", "."]):
        subprocess.run(["go", *words], cwd=folder, check=True, capture_output=True, timeout=300)
    return [str(folder / "example"), *server_and_realm(url)]


def server_and_realm(url: str) -> tuple[str, str]:
    server, _, path = url.partition("/admin/realms/")
    return server, path.partition("/")[0]


def java(folder: Path, url: str) -> list[str]:
    """With the libraries from Maven, run from its source."""
    (folder / "pom.xml").write_text(POM, encoding="utf-8")
    subprocess.run(["mvn", "-q", "-B", "dependency:copy-dependencies", f"-DoutputDirectory={folder / 'lib'}"], cwd=folder, check=True)
    return ["java", "-cp", f"{folder / 'lib'}/*", str(DOCS / "clients" / "ExplainingFilter.java"), *server_and_realm(url)]


@pytest.mark.parametrize(
    ("tool", "command"),
    [
        pytest.param("node", javascript, id="node"),
        pytest.param("go", go, id="go", marks=pytest.mark.live),
        pytest.param("mvn", java, id="java", marks=pytest.mark.live),
    ],
)
def test_an_example_prints_the_role_and_the_command(
    tool: str, command: Callable[[Path, str], list[str]], keycloak: Simulator, tmp_path: Path
) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    account = keycloak.service_account(f"shop-{tool}", "backend")
    environment = {**os.environ, "TOKEN": keycloak.token(account), "ROLES_JSON": str(DOCS / "openapi" / "roles.json")}
    url = f"{keycloak.url}/admin/realms/{account.realm}/users/count"
    done = subprocess.run(command(tmp_path, url), env=environment, capture_output=True, text=True, check=True, timeout=200)

    assert done.stdout.strip() == "403"
    assert "service-account-backend may need query-users of realm-management" in done.stderr
    assert (
        f"kcadm.sh add-roles -r '{account.realm}' --uusername 'service-account-backend' --cclientid 'realm-management' --rolename query-users"
        in done.stderr
    )


TOKENS = {
    "no token": ("", ""),
    "a token that is no JWT": ("Bearer opaque", ""),
    "claims that are no JSON": ("Bearer a.b.c", ""),
    "a token of another realm": (bearer(iss="http://k/realms/other", preferred_username="robot"), ""),
    "a token without an issuer": (bearer(preferred_username="robot"), ""),
    "a token of master": (
        bearer(iss="http://k/realms/master", preferred_username="robot"),
        "kcadm.sh add-roles -r 'master' --uusername 'robot' --cclientid 'shop-realm' --rolename view-users",
    ),
    "a name with characters of the shell": (
        bearer(iss="http://k/realms/shop", preferred_username="it's $(id)"),
        "--uusername 'it'\\''s $(id)' --cclientid 'realm-management'",
    ),
}
RUN = """
import {{ explaining }} from "{file}";
const send = async () => ({{ status: 403 }});
const url = "http://k/admin/realms/shop/users";
const headers = process.env.AUTHORIZATION ? {{ authorization: process.env.AUTHORIZATION }} : {{}};
const post = new Request(url, {{ method: "post", headers, body: "{{}}" }});
const found = [await explaining(send)(url, {{ headers }}), await explaining(send)(new Request(url, {{ headers }})), await explaining(send)(post)];
if (post.bodyUsed) throw new Error("the body of the request was read");
if (!process.env.AUTHORIZATION) found.push(await explaining(send)(url));
console.log(found.every(({{ status }}) => status === 403));
"""


@pytest.mark.parametrize("what", list(TOKENS))
def test_the_example_for_fetch_passes_every_403_on_and_quotes_names(what: str, tmp_path: Path) -> None:
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    authorization, command = TOKENS[what]
    script = tmp_path / "call.mjs"
    script.write_text(RUN.format(file=DOCS / "clients" / "explaining-fetch.mjs"), encoding="utf-8")
    environment = {**os.environ, "AUTHORIZATION": authorization}
    done = subprocess.run(["node", str(script)], env=environment, capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.strip() == "true"
    assert (command in done.stderr) if command else not done.stderr
