"""What a command reads from a file or from standard input. Nothing of it is ever repeated in a message."""

import json
from pathlib import Path
from typing import Any

import click

_MAX_CHARACTERS = 64 * 1024 * 1024


def text_of(file: Path, option: str, *, most: int = _MAX_CHARACTERS) -> str:
    """The text of a file, ``-`` for standard input, at most ``most`` characters. A usage error naming the option where it cannot be read."""
    try:
        with click.open_file(str(file), encoding="utf-8", errors="replace") as stream:
            return str(stream.read(most))
    except OSError as error:
        raise click.BadParameter(f"cannot be read ({error.strerror})", param_hint=option) from error


def json_of(file: Path, option: str) -> Any:
    """The JSON of a file. A usage error where it is none."""
    try:
        return json.loads(text_of(file, option))
    except (ValueError, RecursionError) as error:
        raise click.BadParameter("is no JSON", param_hint=option) from error
