"""kcadm.sh: commands as its guide has them, run by a service account."""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from devkit.realserver import fetch_distribution
from tools.use import realm as r
from tools.use.lines import VALUES
from tools.use.trial import Target, Trial, UseFailed

NAME = "kcadm"
_SECONDS = 120
_NAME = re.compile(r"\$[a-z][a-z-]*")

COMMANDS = """
get users
get users/$user
get users/count
get clients
get serverinfo --fields themes
get-roles --uusername ann
get-roles --uusername ann --cclientid shop
get-roles --gname staff
create users -s username=carl -s enabled=true
update users/$user -s firstName=Anna
set-password --username ann --new-password another-password
add-roles --uusername ann --rolename editor
add-roles --uusername ann --cclientid shop --rolename seller
add-roles --gname staff --rolename editor
add-roles --rname reader --rolename editor
create groups -s name=guests
create roles -s name=auditor
create clients -s clientId=kiosk
update realms/$realm -s displayName=Changed
remove-roles --uusername ann --rolename editor
delete users/$user
delete realms/$realm
"""
"""What reads, then what adds and changes, then what removes. ``-r`` and the login are added."""


def library_version() -> str:
    """It belongs to the server."""
    return "that of Keycloak"


def not_run() -> Mapping[str, str]:
    """Commands that are not tried, with the reason."""
    return {"create realms": "needs a token of the realm master with the realm role create-realm"}


def trials() -> Iterator[Trial]:
    """All commands, in their order."""
    for line in COMMANDS.strip().splitlines():
        yield Trial(name=line, run=partial(_run, line), in_parts=True)


def _run(line: str, target: Target) -> Any:
    """What the command prints. Raises UseFailed with what it says."""
    program = str(fetch_distribution(target.keycloak) / "bin" / "kcadm.sh")
    command, *words = [_NAME.sub(partial(_value, target), word) for word in shlex.split(line, posix=True)]
    with TemporaryDirectory() as folder:
        config = ["--config", str(Path(folder) / "kcadm.config")]
        login = ["config", "credentials", "--server", target.url, "--realm", r.REALM, "--client", r.CALLER]
        _printed([program, *login, *config])
        return _parsed(_printed([program, command, *words, "-r", r.REALM, *config]))


def _printed(command: list[str]) -> str:
    done = subprocess.run(
        command,
        env=os.environ | {"KC_CLI_CLIENT_SECRET": r.SECRET},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode:
        raise UseFailed(done.stderr.strip() or done.stdout.strip())
    return done.stdout


def _value(target: Target, found: re.Match[str]) -> str:
    value = VALUES[found[0]]
    return str(value(target.made) if callable(value) else value)


def _parsed(printed: str) -> Any:
    try:
        return json.loads(printed)
    except ValueError:
        return printed
