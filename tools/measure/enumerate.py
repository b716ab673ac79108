"""List every operation of the Admin REST API of a Keycloak version, and its features: `python -m tools.measure.enumerate VERSION…`.

Writes `operations/{version}.json` and `operations/features-{version}.json` beside this file, one operation and one feature a line.
The list comes from the server's own JAX-RS annotations (see enumerate_java/), never from a hand-typed one. Needs a JDK.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from devkit.realserver.distribution import RealServerError, fetch_distribution, say

OPERATIONS = Path(__file__).with_name("operations")
_SOURCES = Path(__file__).with_name("enumerate_java")

Line = dict[str, Any]


def main(versions: list[str]) -> int:
    """Exit code 0 when every version could be listed."""
    OPERATIONS.mkdir(exist_ok=True)
    for version in versions:
        try:
            lines = run_program(fetch_distribution(version))
        except RealServerError as error:
            print(f"enumerate: {error}", file=sys.stderr)
            return 1
        write(version, lines, OPERATIONS)
    return 0


def run_program(home: Path) -> list[Line]:
    """What the Java program says about the jars of the distribution at `home`."""
    library = home / "lib" / "lib"
    jars = f"{library}/main/*:{library}/boot/*"
    with tempfile.TemporaryDirectory() as classes:
        _java(home, ["javac", "-d", classes, "-cp", jars, *map(str, sorted(_SOURCES.glob("*.java")))])
        said = _java(home, ["java", "-cp", f"{classes}:{jars}", "EnumerateOperations", f"{library}/main"])
    return [json.loads(line) for line in said.splitlines()]


def _java(home: Path, command: list[str]) -> str:
    if shutil.which(command[0]) is None:
        raise RealServerError(
            f"{command[0]} is missing: reading annotations needs a JDK 17 or newer (Debian: apt install openjdk-17-jdk-headless)"
        )
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RealServerError(f"reading the annotations of {home.name} failed:\n{done.stderr[-2000:]}")
    return done.stdout


def write(version: str, lines: Iterable[Line], folder: Path) -> None:
    """Sort what the program said into the two files of `version`."""
    lines = list(lines)
    notes = [line["note"] for line in lines if "note" in line]
    features = [line["feature"] for line in lines if "feature" in line]
    operations = with_bodies(line for line in lines if "method" in line)
    (folder / f"{version}.json").write_text(document({"keycloak": version, "notes": notes}, "operations", operations))
    (folder / f"features-{version}.json").write_text(document({"keycloak": version}, "features", features))
    say(f"keycloak {version}: {len(operations)} operations, {len(features)} features")


def with_bodies(operations: Iterable[Line]) -> list[Line]:
    """Name the body's kind where handlers of one method and path differ by it; sorted by path, method, body, handler."""
    operations = list(operations)
    kinds = Counter((one["method"], one["path"], body_kind(one)) for one in operations)
    routes = Counter((one["method"], one["path"]) for one in operations)
    for one in operations:
        route = (one["method"], one["path"])
        if kinds[*route, body_kind(one)] < routes[route]:
            one["body"] = body_kind(one)
    return sorted(operations, key=lambda one: (one["path"], one["method"], one.get("body", ""), one["handler"]))


def body_kind(operation: Mapping[str, Any]) -> str:
    """`json`, `form`, `multipart`, `text`… by the first media type that the handler consumes; empty if it names none."""
    consumes = operation.get("consumes") or [""]
    first = str(consumes[0]).split("/")
    return {"application/x-www-form-urlencoded": "form", "multipart/form-data": "multipart"}.get(consumes[0], first[-1])


def document(head: Mapping[str, Any], name: str, lines: Iterable[Line]) -> str:
    """A JSON object with `head` and a list of which every element has a line of its own."""
    opening = json.dumps(head, indent=1, ensure_ascii=False).removesuffix("\n}")
    body = ",\n".join("  " + json.dumps(line, ensure_ascii=False) for line in lines)
    return f'{opening},\n "{name}": [\n{body}\n ]\n}}\n'


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
