"""The same commands typed at a prompt, where shells expand `!`, edit lines and cut them: in bash, dash and zsh on a terminal of their own."""

import os
import pty
import select
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from devkit.shells import SHELLS, Bench, Call, bench, program, recorded
from kcproxy.explain.fixes.shell import MAX_LINE_BYTES, line, output_of, path, word
from tests.hostile_text import ALL_AT_ONCE, NAMES

SECONDS = 60
FLAGS = {"bash": ("--norc", "--noprofile", "-i"), "dash": ("-i",), "zsh": ("-f", "-i")}
FITTING = [name for name in (*NAMES, ALL_AT_ONCE) if "\0" not in name]


@contextmanager
def _prompt(shell: str, place: Bench, record: Path) -> Iterator[int]:
    """An interactive shell, and the end of its terminal at which a person types."""
    ours, theirs = pty.openpty()
    environment = {**place.environment(record), "TERM": "dumb", "PS1": "", "HISTFILE": "/dev/null"}
    process = subprocess.Popen(
        [program(shell), *FLAGS[shell]],
        cwd=record.parent, env=environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    try:
        yield ours
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _typed(shell: str, place: Bench, lines: Sequence[str], *, calls: int) -> tuple[Call, ...]:
    """What was called when all the lines had been typed, one after the other."""
    record = place.folder / f"typed-{shell}-{time.monotonic_ns()}" / "record"
    record.mkdir(parents=True)
    until = time.monotonic() + SECONDS
    with _prompt(shell, place, record) as terminal:
        for text in lines:
            before = len(recorded(record))
            _write(terminal, f"{text}\n".encode(), until)
            while len(recorded(record)) == before and time.monotonic() < until:
                _drain(terminal)
        while len(recorded(record)) < calls and time.monotonic() < until:
            _drain(terminal)
        return recorded(record)


def _write(terminal: int, raw: bytes, until: float) -> None:
    while raw and time.monotonic() < until:
        _drain(terminal, seconds=0)
        raw = raw[os.write(terminal, raw[:256]) :]


def _drain(terminal: int, *, seconds: float = 0.02) -> None:
    """A terminal that nobody reads would stand still."""
    while select.select([terminal], [], [], seconds)[0]:
        if not os.read(terminal, 65536):
            return


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("typed"))


@pytest.mark.parametrize("shell", SHELLS)
def test_a_typed_command_gives_exactly_the_name_that_is_meant(place: Bench, shell: str) -> None:
    lines = [line("jq {name}", name=word(name)) for name in FITTING]

    calls = _typed(shell, place, lines, calls=len(lines))

    assert sorted(calls) == sorted(("jq", name) for name in FITTING)
    assert not list(place.folder.rglob("pwned"))


@pytest.mark.parametrize("shell", SHELLS)
def test_a_typed_command_within_a_command_gives_it_too(place: Bench, shell: str) -> None:
    names = ["a!b !! !touch", "$(touch pwned) 'x' \"y\"", "a\nb\x1b\u202e"]
    lines = [line("curl {part}", part=path("a/{part}/b", part=output_of("jq {name}", name=word(name)))) for name in names]

    calls = _typed(shell, place, lines, calls=2 * len(lines))

    assert sorted(call for call in calls if call[0] == "jq") == sorted(("jq", name) for name in names)
    assert sum(call[0] == "curl" and len(call) == 2 for call in calls) == len(names)


@pytest.mark.parametrize("shell", SHELLS)
def test_the_longest_line_is_taken_whole(place: Bench, shell: str) -> None:
    name = "n" * (MAX_LINE_BYTES - len("jq "))

    assert _typed(shell, place, [line("jq {name}", name=word(name))], calls=1) == (("jq", name),)
