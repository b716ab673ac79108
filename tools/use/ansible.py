"""Ansible: the Keycloak modules of the collection community.general, each in what it can do."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tools.use import realm as r
from tools.use.ansible_tasks import HIDDEN, NOT_RUN, TASKS, Task
from tools.use.trial import Target, Trial, UseFailed

NAME = "ansible"
_SECONDS = 120
_COLLECTION = "ansible_collections/community/general"
_HIDDEN = frozenset({"invocation", "diff", "_ansible_no_log", "warnings", "deprecations"})
"""Members of every result that are about Ansible itself."""


def library_version() -> str:
    """The version of the collection."""
    manifest = json.loads((_packages() / _COLLECTION / "MANIFEST.json").read_text(encoding="utf-8"))
    return str(manifest["collection_info"]["version"])


def not_run() -> Mapping[str, str]:
    """Modules that are not tried, with the reason."""
    return NOT_RUN


def modules() -> list[str]:
    """All Keycloak modules of the installed collection."""
    return sorted(file.stem for file in (_packages() / _COLLECTION / "plugins/modules").glob("keycloak_*.py"))


def _packages() -> Path:
    return next(Path(folder) for folder in sys.path if (Path(folder) / _COLLECTION).is_dir())


def trials() -> Iterator[Trial]:
    """All tasks, in the order in which they run."""
    for task in TASKS:
        yield Trial(
            name=f"{task.module}: {task.does}",
            run=partial(_run, task),
            hidden=_HIDDEN | HIDDEN.get(task.module, frozenset()),
            in_parts=True,
        )


def _run(task: Task, target: Target) -> Any:
    """The result of the module, as a playbook gets it. Raises UseFailed with its message."""
    login = {
        "auth_keycloak_url": target.url,
        "auth_realm": r.REALM,
        "auth_client_id": r.CALLER,
        "auth_client_secret": "{{ lookup('ansible.builtin.env', 'TOOL_SECRET') }}",
        "connection_timeout": 60,
    }
    arguments = task.arguments(target.made) if callable(task.arguments) else task.arguments
    realm = (
        {} if task.module in {"keycloak_realm", "keycloak_realm_key", "keycloak_component", "keycloak_userprofile"} else {"realm": r.REALM}
    )
    step = {"name": task.does, f"community.general.{task.module}": {**login, **realm, **arguments}}
    result = _played([{"hosts": "localhost", "gather_facts": False, "tasks": [step]}])
    if result.get("failed"):
        raise UseFailed(str(result.get("msg")))
    return result


def _played(playbook: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "playbook.json"
        file.write_text(json.dumps(playbook), encoding="utf-8")
        settings = {"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_LOCALHOST_WARNING": "false", "ANSIBLE_HOME": folder}
        settings |= {"TOOL_SECRET": r.SECRET, "LC_ALL": "C.UTF-8", "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false"}
        done = subprocess.run(
            [
                str(Path(sys.executable).with_name("ansible-playbook")),
                "-i",
                "localhost,",
                "-c",
                "local",
                "-e",
                f"ansible_python_interpreter={sys.executable}",
                str(file),
            ],
            env=os.environ | settings,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    try:
        tasks = json.loads(done.stdout[done.stdout.index("{") :])["plays"][0]["tasks"]
    except (ValueError, LookupError) as error:
        raise UseFailed(f"no result: {done.stdout[-300:]} {done.stderr[-300:]}") from error
    result: dict[str, Any] = tasks[-1]["hosts"]["localhost"]
    return result
