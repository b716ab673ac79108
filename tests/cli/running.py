"""Commands as they are run: in this process for their output, as processes of their own for their exit codes."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from click.testing import CliRunner, Result

from kcproxy.cli.main import main

Environ = Mapping[str, str]


def clean_environ(extra: Environ | None = None) -> dict[str, str]:
    """This process's environment without settings of kcproxy, and with some of the test's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KCPROXY_")}
    return kept | dict(extra or {})


def run(*words: str, environ: Environ | None = None, typed: str | None = None) -> Result:
    """One command in this process."""
    forgotten = {name: None for name in os.environ if name.startswith("KCPROXY_")}
    return CliRunner().invoke(main, list(words), input=typed, env={**forgotten, **(environ or {})}, prog_name="kcproxy")


def run_json(*words: str, typed: str | None = None, code: int = 0) -> Any:
    """The JSON document that a command prints; nothing else may be on standard output."""
    result = run(*words, "--json", typed=typed)
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def process(*words: str, environ: Environ | None = None, typed: str | None = None) -> subprocess.CompletedProcess[str]:
    """One command as a process of its own."""
    command = [sys.executable, "-m", "kcproxy", *words]
    return subprocess.run(command, env=clean_environ(environ), input=typed, capture_output=True, text=True, timeout=60, check=False)
