"""Runs ``kcproxy`` as on a system that is not Linux: ``python elsewhere.py WORDS…``.

Not there: the modules fcntl, resource, termios, pwd and grp (Windows), uvloop, /proc (macOS, Windows), SIGHUP, geteuid and some flags of open, and signal
handlers of the event loop. What the standard library itself needs on this machine is loaded before.
"""

import asyncio
import importlib.abc
import os
import signal
import subprocess
import sys
from importlib.machinery import ModuleSpec
from typing import Any

MISSING = frozenset({"fcntl", "resource", "termios", "pwd", "grp", "uvloop"})
_KEPT = (asyncio, subprocess)


class Absent(importlib.abc.MetaPathFinder):
    """Finds none of the missing modules."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        if fullname in MISSING:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return None


def without_proc(event: str, arguments: tuple[Any, ...]) -> None:
    """There is no /proc."""
    if event in {"open", "os.listdir", "os.scandir"} and str(arguments[0]).startswith("/proc"):
        raise FileNotFoundError(2, "No such file or directory", arguments[0])


def no_handler(*_: object) -> None:
    """As asyncio says on Windows."""
    raise NotImplementedError


def main() -> None:
    """Take away, then run."""
    for name in MISSING:
        sys.modules.pop(name, None)
    sys.meta_path.insert(0, Absent())
    for owner, names in ((os, ("geteuid", "getegid", "O_NONBLOCK", "O_CLOEXEC", "O_NOFOLLOW")), (signal, ("SIGHUP",))):
        for name in names:
            delattr(owner, name)
    asyncio.SelectorEventLoop.add_signal_handler = no_handler  # type: ignore[method-assign, assignment]
    sys.addaudithook(without_proc)

    from kcproxy.cli.main import main as program  # noqa: PLC0415 - after everything was taken away

    program(prog_name="kcproxy")


if __name__ == "__main__":
    main()
