"""Runs printed commands as if they were pasted: in real shells, with programs that record their exact arguments."""

import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SHELLS = ("bash", "dash", "zsh")
PROGRAMS = ("kcadm.sh", "curl", "jq", "touch")
"""Hostile names try to run ``touch``."""
OUTPUT = "an id * ?[a] $(touch pwned) \\ ' \" ~ {a,b}"
"""Output of each of these programs: a shell has to treat it as one word."""
_STUB = """#!{dash}
{{ printf '%s\\0' "$#" "${{0##*/}}" "$@"; }} >> "$RECORD/$$"
printf '%s\\n' "$OUTPUT"
"""
Call = tuple[str, ...]
_EXPECTED_FILES = frozenset({"my-service-secret"})
"""Of the commands that create a client of your own (``kcproxy.explain.fixes.own_client``): its secret is shown on no screen."""


@dataclass(frozen=True, kw_only=True)
class Ran:
    """The result: calls of programs in no order, standard error, and created files."""

    calls: tuple[Call, ...]
    said: str
    left: tuple[str, ...]

    @property
    def is_harmless(self) -> bool:
        """Whether nothing happened except calls of the expected programs, and the file for a secret that one fix writes."""
        return not self.said and {*self.left} <= _EXPECTED_FILES and not any(call[0] == "touch" for call in self.calls)


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A folder with the programs, as the only folder on the path."""

    folder: Path

    @property
    def programs(self) -> Path:
        """The one folder of the path."""
        return self.folder / "programs"

    def run(self, shell: str, scripts: Sequence[Sequence[str]]) -> tuple[Ran, ...]:
        """Run each list of lines in its own shell."""
        return tuple(self._one(shell, lines, number) for number, lines in enumerate(scripts))

    def _one(self, shell: str, lines: Sequence[str], number: int) -> Ran:
        place = self.folder / f"{shell}-{number}-{len(list(self.folder.iterdir()))}"
        record, work = place / "record", place / "work"
        record.mkdir(parents=True)
        work.mkdir()
        script = place / "script"
        script.write_text("\n".join(lines) + "\n", encoding="utf-8")
        said = subprocess.run(
            [program(shell), *(("-f",) if shell == "zsh" else ()), str(script)],
            cwd=work, env=self.environment(record), stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False,
        )  # fmt: skip
        left = tuple(sorted(file.name for file in work.iterdir()))
        return Ran(calls=recorded(record), said=said.stderr.decode(errors="replace"), left=left)

    def environment(self, record: Path) -> Mapping[str, str]:
        """The environment of the operator's shell: the server and the login for curl, and the programs."""
        return {
            "PATH": str(self.programs),
            "HOME": str(self.folder),
            "RECORD": str(record),
            "OUTPUT": OUTPUT,
            "KEYCLOAK_URL": "http://kc.test/auth",
            "ADMIN_TOKEN": "token",
            "LC_ALL": "C.UTF-8",
        }


def bench(folder: Path) -> Bench:
    """The bench in an empty folder."""
    made = Bench(folder=folder)
    made.programs.mkdir()
    for name in PROGRAMS:
        file = made.programs / name
        file.write_text(_STUB.format(dash=program("dash")), encoding="utf-8")
        file.chmod(0o755)
    return made


def program(name: str) -> str:
    """The path of a shell. Without it, the test fails, because a skip would look green."""
    found = shutil.which(name)
    assert found is not None, f"{name} is missing: install the Debian package {name}"
    return found


def recorded(folder: Path) -> tuple[Call, ...]:
    """All recorded calls, each with the program's name first."""
    return tuple(call for file in sorted(folder.iterdir()) for call in _calls(file.read_bytes()))


def _calls(raw: bytes) -> Iterable[Call]:
    words = raw.decode("utf-8").split("\0")[:-1]
    while words:
        count = int(words[0])
        yield tuple(words[1 : count + 2])
        words = words[count + 2 :]
