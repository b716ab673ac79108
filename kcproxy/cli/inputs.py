"""Input from files or standard input. Messages never repeat its content."""

import json
from pathlib import Path
from typing import Any

import click

_MAX_CHARACTERS = 64 * 1024 * 1024


def text_of(file: Path, option: str, *, most: int = _MAX_CHARACTERS) -> str:
    """The text of a file, ``-`` for standard input, at most ``most`` characters. Raise a usage error that names the option if it cannot be read."""
    try:
        with click.open_file(str(file), encoding="utf-8", errors="replace") as stream:
            return str(stream.read(most))
    except OSError as error:
        raise click.BadParameter(f"cannot be read ({error.strerror})", param_hint=option) from error


def json_of(file: Path, option: str) -> Any:
    """The JSON of a file. Raise a usage error if it is not JSON."""
    try:
        return json.loads(text_of(file, option))
    except (ValueError, RecursionError) as error:
        raise click.BadParameter("is not JSON", param_hint=option) from error
