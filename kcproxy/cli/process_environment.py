"""Flags and variables of a running ``kcproxy serve``, so that a health probe finds its admin port.

The health check of a container is part of the image, so it cannot know which file, variables or flags serve will get.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click

from kcproxy.cli import serve

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """Input of ``serve``. ``flags`` are by setting. The environment contains secrets and is never printed."""

    config: Path | None
    environ: Mapping[str, str] = field(repr=False)
    flags: Mapping[str, str | None] = field(default_factory=dict)


def started(process: int, *, proc: Path = _PROC) -> Started:
    """Read from ``/proc``. Raise UsageError if the process is not a ``kcproxy serve``, or belongs to another user."""
    folder = proc / str(process)
    try:
        words = _texts(folder / "cmdline")
        environ = dict(text.partition("=")[::2] for text in _texts(folder / "environ"))
    except OSError as error:
        raise click.UsageError(f"process {process} cannot be read ({error.strerror}); it has to belong to this user") from error
    if "serve" not in words:
        raise click.UsageError(f"process {process} is not a kcproxy serve")
    return _read(words[words.index("serve") + 1 :], environ)


def _read(words: Sequence[str], environ: Mapping[str, str]) -> Started:
    # serve itself reports invalid flags. A probe ignores them.
    given = serve.command.make_context("serve", list(words), resilient_parsing=True).params
    config = given.pop("config", None)
    return Started(config=config, environ=environ, flags={serve.FLAGS[name].key: value for name, value in given.items()})


def _texts(file: Path) -> list[str]:
    return [part.decode("utf-8", "surrogateescape") for part in file.read_bytes().split(b"\0") if part]
