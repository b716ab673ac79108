"""Print the lowest supported version of each dependency, as constraints for pip.

python -m tools.lowest > constraints.txt
pip install --constraint constraints.txt --editable '.[fast,tracing,envoy,postgresql]'

``make test-lowest`` does both and runs the fast tests, so that the lower bounds in ``pyproject.toml`` are versions that were tried.
"""

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]


def lowest_versions(project: str) -> Iterator[str]:
    """``name==version`` for each dependency and each optional dependency of ``project``, the text of a ``pyproject.toml``.

    Raises ValueError if a dependency has no lower bound.
    """
    table = tomllib.loads(project)["project"]
    optional = table.get("optional-dependencies", {})
    for text in (*table.get("dependencies", ()), *(line for lines in optional.values() for line in lines)):
        yield _lowest(Requirement(text))


def _lowest(requirement: Requirement) -> str:
    bounds = [each.version for each in requirement.specifier if each.operator in {">=", "==", "~="}]
    if len(bounds) != 1:
        raise ValueError(f"{requirement}: one lower bound is needed, for example {requirement.name}>=1.2")
    return f"{requirement.name}=={bounds[0]}"


def main() -> int:
    """Write the constraints to standard output."""
    print("\n".join(lowest_versions((ROOT / "pyproject.toml").read_text(encoding="utf-8"))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
