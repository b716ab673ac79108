"""The programs in docs/clients/ print the role and a command that works, on the simulator."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kcproxy.testing import Simulator, simulator

DOCS = Path(__file__).resolve().parents[2] / "docs"
SCRIPT = """
import {{ explaining }} from "{file}";
const response = await explaining(fetch)(process.argv[2], {{ headers: {{ authorization: `Bearer ${{process.env.TOKEN}}` }} }});
console.log(response.status);
"""


@pytest.fixture(scope="module")
def keycloak() -> Iterator[Simulator]:
    with simulator() as running:
        yield running


def javascript(folder: Path, url: str) -> list[str]:
    script = folder / "call.mjs"
    script.write_text(SCRIPT.format(file=DOCS / "clients" / "explaining-fetch.mjs"), encoding="utf-8")
    return ["node", str(script), url]


def go(_: Path, url: str) -> list[str]:
    return ["go", "run", str(DOCS / "clients" / "explaining_transport.go"), url]


@pytest.mark.parametrize(("tool", "command"), [("node", javascript), ("go", go)])
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
        f"kcadm.sh add-roles -r {account.realm} --uusername service-account-backend --cclientid realm-management --rolename query-users"
        in done.stderr
    )
