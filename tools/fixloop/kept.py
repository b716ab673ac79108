"""The results of a run: one small file for each version, from which the page is written."""

import datetime as dt
import hashlib
import json
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.fixloop.needs import Case
from tools.fixloop.results import Kind, Result

RESULTS = Path(__file__).with_name("results")
ROOT = Path(__file__).resolve().parents[2]
EXCEPTIONS = (Kind.FAILED, Kind.UNDETERMINED, Kind.OTHER, Kind.CLOSED, Kind.BY_TARGET)
"""Kinds whose calls are named one by one, in this order."""


def digest_of(cases: Iterable[Case]) -> str:
    """A digest of what the loop depends on: every call with the roles that the table has for it."""
    lines = sorted(f"{case.key} {_sets(case.need.any_of)} {_sets(case.need.admits)} {case.need.refusal}" for case in cases)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def _sets(sets: Iterable[Iterable[str]]) -> list[list[str]]:
    return sorted(sorted(roles) for roles in sets)


def revision() -> str:
    """The commit that runs, with a `+` if program or table differ from it. "unknown" outside a repository."""
    try:
        head = _git("rev-parse", "--short=10", "HEAD").strip()
        return head + ("+" if _git("status", "--porcelain", "--", "kcproxy", "tools", ":!tools/fixloop/results").strip() else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def document(version: str, cases: Sequence[Case], results: Mapping[str, Result], *, of_revision: str) -> dict[str, Any]:
    """The file's content. `results` by the keys of the cases; a case without a result counts as not run."""
    plain = [case for case in cases if not case.task.spec.variant]
    special = [case for case in cases if case.task.spec.variant]
    done = [results[case.key] for case in cases if case.key in results]
    named = sorted(
        (result for result in done if result.kind in EXCEPTIONS), key=lambda result: (EXCEPTIONS.index(result.kind), result.name)
    )
    return {
        "keycloak": version,
        "date": dt.datetime.now(tz=dt.UTC).date().isoformat(),
        "revision": of_revision,
        "table": digest_of(cases),
        "lines": len({(case.task.operation.method, case.task.operation.path, case.task.operation.body) for case in plain}),
        "operations": _counts(plain, results),
        "variants": _counts(special, results),
        "commands": sum(len(result.commands) for result in done),
        "in_shell": sum(result.in_shell and bool(result.commands) for result in done),
        "least": sum(len(result.without) for result in done),
        "exceptions": [{"name": result.name, "kind": result.kind, "reason": result.reason} for result in named],
    }


def _counts(cases: Sequence[Case], results: Mapping[str, Result]) -> dict[str, int]:
    kinds = Counter(str(results[case.key].kind) if case.key in results else "not run" for case in cases)
    explained = sum(case.key in results and results[case.key].explained for case in cases)
    return {"all": len(cases), "explained": explained, **dict(sorted(kinds.items()))}


def keep(version: str, cases: Sequence[Case], results: Mapping[str, Result], *, of_revision: str, folder: Path = RESULTS) -> Path:
    """Write the file of a version."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{version}.json"
    path.write_text(json.dumps(document(version, cases, results, of_revision=of_revision), indent=1) + "\n")
    return path


def kept(folder: Path = RESULTS) -> list[dict[str, Any]]:
    """All files, the newest version first."""
    found = [json.loads(path.read_text()) for path in folder.glob("*.json")]
    return sorted(found, key=lambda run: [int(part) for part in run["keycloak"].split(".")], reverse=True)
