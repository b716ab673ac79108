"""The code of docs/middleware.md, its pages for each client, and docs/testing.md runs, on the simulator, and prints what it promises."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kcproxy.testing import Simulator, simulator

DOCS = Path(__file__).resolve().parents[2] / "docs"


def blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def keycloak() -> Iterator[Simulator]:
    with simulator() as running:
        yield running


@pytest.fixture(scope="module")
def names(keycloak: Simulator) -> dict[str, str]:
    account = keycloak.service_account("shop", "shop-backend")
    inspector = keycloak.service_account("shop", "inspector", roles=("view-clients", "view-realm", "view-users"))
    return {
        "KEYCLOAK": keycloak.url,
        "TOKEN": keycloak.token(account),
        "SECRET": account.client_secret or "",
        "INSPECTOR_SECRET": inspector.client_secret or "",
    }


CLIENTS = ("httpx", "requests", "aiohttp", "python-keycloak")
PAGES = ("middleware.md", *(f"middleware/{client}.md" for client in CLIENTS))


@pytest.mark.parametrize(("page", "number"), [(page, number) for page in PAGES for number in range(len(blocks(page)))])
def test_the_code_of_the_page_prints_the_sentence(
    page: str, number: int, names: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    exec(compile(blocks(page)[number], f"docs/{page}, block {number}", "exec"), dict(names))

    printed = capsys.readouterr().out
    assert "service-account-shop-backend is missing the role view-users" in printed or printed == "certain\n"


@pytest.mark.parametrize("client", CLIENTS)
def test_every_client_has_a_page_that_begins_with_a_few_lines(client: str) -> None:
    text = (DOCS / "middleware" / f"{client}.md").read_text(encoding="utf-8")
    first = text.index("```python")
    assert text[:first].count("\n") < 10
    assert f"(middleware/{client}.md)" in (DOCS / "middleware.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("number", range(len(blocks("testing.md"))))
def test_the_code_of_the_page_about_tests_runs(number: int) -> None:
    exec(compile(blocks("testing.md")[number], f"docs/testing.md, block {number}", "exec"), {})


def test_the_test_of_the_page_that_needs_no_proxy_passes(tmp_path: Path) -> None:
    (block,) = (block for block in blocks("testing.md") if "in_process" in block)
    (tmp_path / "test_page.py").write_text(block, encoding="utf-8")
    ran = subprocess.run([sys.executable, "-m", "pytest", "-q", str(tmp_path)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout
    assert "1 passed" in ran.stdout
