"""``kcadm.sh`` of a distribution, as tests and benchmarks run it: started quickly, with a login of its own."""

from pathlib import Path

QUICK_JVM_OPTIONS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto"
"""For the variable ``KC_OPTS``: a command of one second needs no optimizing compiler. They halve the CPU time of a command."""


def write_wrapper(folder: Path, home: Path) -> Path:
    """Write ``folder/kcadm.sh``, which runs that of the distribution ``home`` and keeps its login in ``folder/kcadm.config``."""
    wrapper = folder / "kcadm.sh"
    options = f'KC_OPTS="{QUICK_JVM_OPTIONS} $KC_OPTS" exec'
    wrapper.write_text(f'#!/bin/sh\n{options} "{home / "bin" / "kcadm.sh"}" "$@" --config "{folder / "kcadm.config"}"\n')
    wrapper.chmod(0o755)
    return wrapper
