"""Programs in other languages that call one method of a library by its name."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.use import realm as r
from tools.use.lines import filled
from tools.use.trial import Target, UseFailed

FOLDER = Path(__file__).with_name("programs")
WORK = Path(__file__).resolve().parents[2] / ".work" / "tools"
"""Where libraries are fetched to and programs are built (ignored by git)."""
_PREPARE_SECONDS = 600
_SECONDS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One program. ``prepare``: commands that are run once in its folder. ``command`` gets the name of the method as its last argument."""

    name: str
    prepare: tuple[tuple[str, ...], ...]
    command: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """Where it is built."""
        return WORK / self.name

    def ready(self) -> None:
        """Copy and prepare the sources. Raises CalledProcessError or FileNotFoundError if its tool chain is missing or fails."""
        shutil.copytree(FOLDER / self.name, self.folder, dirs_exist_ok=True)
        for command in self.prepare:
            subprocess.run(command, cwd=self.folder, check=True, timeout=_PREPARE_SECONDS, stdout=subprocess.DEVNULL)


def called(program: Program, method: str, arguments: list[Any], target: Target) -> Any:
    """The result of a method. Raises UseFailed with what the library reports."""
    environment = {"TARGET_URL": target.url, "REALM": r.REALM, "CLIENT_ID": r.CALLER, "CLIENT_SECRET": r.SECRET}
    done = subprocess.run(
        [*program.command, method],
        cwd=program.folder,
        env=os.environ | environment,
        input=json.dumps(filled(arguments, target.made)),
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        raise UseFailed(f"no result: {done.stderr[-300:]}") from error
    if "reports" in answer:
        raise UseFailed(str(answer["reports"]))
    return answer["result"]
