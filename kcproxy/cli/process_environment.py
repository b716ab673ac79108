"""With what flags and variables a running ``kcproxy serve`` was started: what a health probe needs to find its admin port.

A container's health check is written into the image, where nobody knows yet which file, variables or flags serve will get.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click

from kcproxy.cli import serve

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What ``serve`` was given; ``flags`` by setting. The environment holds secrets and is never printed."""

    config: Path | None
    environ: Mapping[str, str] = field(repr=False)
    flags: Mapping[str, str | None] = field(default_factory=dict)


def started(process: int, *, proc: Path = _PROC) -> Started:
    """By ``/proc``. UsageError where that process is no ``kcproxy serve``, or somebody else's."""
    folder = proc / str(process)
    try:
        words = _texts(folder / "cmdline")
        environ = dict(text.partition("=")[::2] for text in _texts(folder / "environ"))
    except OSError as error:
        raise click.UsageError(f"process {process} cannot be looked at ({error.strerror}); it has to be this user's own") from error
    if "serve" not in words:
        raise click.UsageError(f"process {process} is no kcproxy serve")
    return _read(words[words.index("serve") + 1 :], environ)


def _read(words: Sequence[str], environ: Mapping[str, str]) -> Started:
    # Whatever serve itself would refuse is serve's to say: a probe reads what it can.
    given = serve.command.make_context("serve", list(words), resilient_parsing=True).params
    config = given.pop("config", None)
    return Started(config=config, environ=environ, flags={serve.FLAGS[name].key: value for name, value in given.items()})


def _texts(file: Path) -> list[str]:
    return [part.decode("utf-8", "surrogateescape") for part in file.read_bytes().split(b"\0") if part]
