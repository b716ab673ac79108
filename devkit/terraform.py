"""Terraform or OpenTofu with the real provider keycloak/keycloak, as tests run printed modules.

The provider is taken from the folder that `TEST_TERRAFORM_PROVIDER` names, by `dev_overrides`: no registry is asked, and nothing is
downloaded. `TEST_TERRAFORM` may name the program; else `terraform` or `tofu` is taken from the path.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PROVIDER_VERSION = "5.9.0"
PROGRAM, PROVIDER = "TEST_TERRAFORM", "TEST_TERRAFORM_PROVIDER"
_BINARY = "terraform-provider-keycloak"
_GET_PROVIDER = (
    f"git clone --depth 1 --branch v{PROVIDER_VERSION} https://github.com/keycloak/{_BINARY} && cd {_BINARY}"
    f' && go build -o bin/ . && export {PROVIDER}="$PWD/bin"'
)
NO_PROGRAM = 'no terraform or tofu in PATH (go install github.com/hashicorp/terraform@v1.5.7 && export PATH="$PATH:$(go env GOPATH)/bin")'
"""What is missing if there is no program, and the command that gets one."""
_HEAD = 'terraform {\n  required_providers {\n    keycloak = {\n      source = "keycloak/keycloak"\n    }\n  }\n}\n\n'
_CHANGES = 2
"""Exit code of ``plan -detailed-exitcode`` if something is to be changed."""


class TerraformError(Exception):
    """A command of Terraform that failed, with what it printed."""


def program() -> str | None:
    """The program to run; None if there is none."""
    return os.environ.get(PROGRAM) or shutil.which("terraform") or shutil.which("tofu")


def missing() -> str | None:
    """What is not here, and the command that gets it; None if modules can be applied."""
    lacking = []
    if program() is None:
        lacking.append(NO_PROGRAM)
    folder = os.environ.get(PROVIDER)
    if not folder:
        lacking.append(f"{PROVIDER} is not set to the folder of {_BINARY} {PROVIDER_VERSION} ({_GET_PROVIDER})")
    elif not list(Path(folder).glob(f"{_BINARY}*")):
        lacking.append(f"{PROVIDER}={folder} has no {_BINARY} ({_GET_PROVIDER})")
    return " and ".join(lacking) or None


class Module:
    """A module in ``folder`` with a state of its own. ``login``: the variables that the provider reads."""

    def __init__(self, folder: Path, login: Mapping[str, str]) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        overrides = f'dev_overrides {{ "keycloak/keycloak" = {json.dumps(os.environ[PROVIDER])} }}'
        (folder / "rc").write_text(f"provider_installation {{\n {overrides}\n direct {{}}\n}}\n", encoding="utf-8")
        own = {"HOME": str(folder), "TF_CLI_CONFIG_FILE": str(folder / "rc"), "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
        self._environment = {**os.environ, **own, **login}

    def write(self, *texts: str) -> None:
        """The pieces that the module consists of from now on."""
        (self.folder / "main.tf").write_text(_HEAD + "\n\n".join(texts) + "\n", encoding="utf-8")

    def apply(self) -> None:
        """Raises TerraformError."""
        self._run("apply", "-auto-approve")

    def destroy(self) -> None:
        """Take back everything that is in the state. Raises TerraformError."""
        self._run("destroy", "-auto-approve")

    def would_change(self) -> str | None:
        """What a plan would change; None if nothing. Raises TerraformError."""
        ran = self._run("plan", "-detailed-exitcode", allowed=(0, _CHANGES))
        return ran.stdout if ran.returncode == _CHANGES else None

    def schemas(self) -> Any:
        """The provider's resources and data sources as it declares them."""
        (only,) = json.loads(self._run("providers", "schema", "-json").stdout)["provider_schemas"].values()
        return only

    def _run(self, *words: str, allowed: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[str]:
        plain = () if words[0] == "providers" else ("-no-color",)
        command = [program() or "", *words, *plain]
        ran = subprocess.run(command, cwd=self.folder, env=self._environment, capture_output=True, text=True, check=False, timeout=600)
        if ran.returncode not in allowed:
            raise TerraformError(f"{' '.join(words)}: {ran.stdout}\n{ran.stderr}")
        return ran


def login(url: str, username: str, password: str) -> dict[str, str]:
    """The environment with which the provider reaches a server as its administrator."""
    return {"KEYCLOAK_URL": url, "KEYCLOAK_CLIENT_ID": "admin-cli", "KEYCLOAK_USER": username, "KEYCLOAK_PASSWORD": password}
