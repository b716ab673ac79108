"""Sessions with kcadm.sh, Keycloak's command line: the output and exit code of each command."""

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bench.suites.kcadm_steps import FILES, SESSION, Step
from bench.suites.outcome import Outcome, Run, numbered
from bench.suites.suite import Place, Suite
from devkit.kcadm import QUICK_JVM_OPTIONS
from devkit.realserver import fetch_distribution

VERSION = "26.7.5"
_COMMAND_SECONDS = 60
_VARYING = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "(id)"),
    (re.compile(r"(?m)^(Date:) .*$"), r"\1 (time)"),
    (re.compile(r"\b1[0-9]{12}\b"), "(time)"),
)


def _prepare(folder: Path, _clones: Path | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    fetch_distribution(VERSION)


def run(folder: Path, place: Place, label: str, *, steps: Sequence[Step] = SESSION, version: str = VERSION) -> Run:
    """Run all commands in order, with a new configuration file."""
    own = folder / label
    own.mkdir(parents=True, exist_ok=True)
    for name, content in FILES.items():
        (own / name).write_text(content, encoding="utf-8")
    (own / "kcadm.config").unlink(missing_ok=True)
    known = {"url": place.url, "admin": place.username}
    return numbered([(step.line, _ran(step, own, place, known, fetch_distribution(version))) for step in steps])


def _ran(step: Step, folder: Path, place: Place, known: dict[str, str], home: Path) -> str:
    program = str(home / "bin" / "kcadm.sh")
    secrets = {"KC_CLI_PASSWORD": place.password, "KC_CLI_CLIENT_SECRET": "robot-secret"}
    done = subprocess.run(
        [program, *step.arguments(known), "--config", "kcadm.config"],
        cwd=folder,
        env={**os.environ, "KC_OPTS": QUICK_JVM_OPTIONS, "LC_ALL": "C.UTF-8", **secrets, **step.environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=_COMMAND_SECONDS,
        text=True,
        check=False,
    )
    if step.keep:
        known[step.keep] = done.stdout.strip()
    verdict = Outcome.FAILED if done.returncode else Outcome.PASSED
    return f"{verdict}\n{shown(done.stdout, step, place)}"


def shown(printed: str, step: Step, place: Place) -> str:
    """The output without ids, times and the address, which differ between runs.

    A refusal that names the missing role and Keycloak's own bare refusal become the same text.
    """
    text = printed.strip().replace(place.url, "(address)")
    if step.own_address:
        text = text.replace(place.keycloak_url, "(address)")
    for pattern, instead in _VARYING:
        text = pattern.sub(instead, text)
    if step.any_order:
        text = "\n".join(sorted(line.strip(" ,") for line in text.splitlines()))
    explained = place.url != place.keycloak_url and all(word in text for word in step.refused)
    bare = place.url == place.keycloak_url
    return f"(refused, missing: {', '.join(step.refused)})" if step.refused and (explained or bare) else text


SUITE = Suite(
    name="kcadm",
    library="kcadm.sh (Keycloak's command line)",
    version=VERSION,
    tests_from=(
        f"a session of {len(SESSION)} commands written for this comparison. The output of each is compared word for word, without ids and times. "
        f"{sum(bool(step.refused) for step in SESSION)} are refused. They have to fail both ways, and the message through the proxy has to name the missing role"
    ),
    left_out={},
    adapted="none",
    prepare=_prepare,
    run=run,
    with_least={
        "get users/$ann *": "the member `access` lists what the caller may do, and the set has no `impersonation`, which the session never uses",
        "get-roles * --cclientid realm-management --available *": "Keycloak lists the admin roles that the caller may assign",
    },
)
