"""A Dockerfile read as Docker does: stages of instructions, continued lines joined, variables of the file filled in."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """``name`` in capitals, ``rest`` as it stands."""

    name: str
    rest: str

    @property
    def words(self) -> list[str]:
        """The JSON list of an instruction in exec form; the words of any other."""
        found = re.search(r"\[.*\]$", self.rest)
        return list(json.loads(found[0])) if found else self.rest.split()


def stages(text: str) -> list[list[Instruction]]:
    """The stages in order, each from its FROM on. What stands before the first is left out."""
    plain = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    found: list[list[Instruction]] = []
    for line in re.sub(r"\\\n", " ", plain).splitlines():
        name, _, rest = line.strip().partition(" ")
        if name.upper() == "FROM":
            found.append([])
        if name and found:
            found[-1].append(Instruction(name=name.upper(), rest=re.sub(r" +", " ", rest.strip())))
    return found


def of_kind(stage: list[Instruction], name: str) -> list[Instruction]:
    """The instructions of that name."""
    return [instruction for instruction in stage if instruction.name == name]


def sent_to_the_builder(ignore: str) -> set[str]:
    """The names at the top that ``.dockerignore`` lets through: it shuts out everything, and makes exceptions."""
    lines = [line for line in ignore.splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    return {line[1:] for line in lines if line.startswith("!")}
