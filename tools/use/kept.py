"""The results of a run: one file for each tool, from which its page is written."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.use.trial import Result

RESULTS = Path(__file__).with_name("results")


def document(tool: str, *, library: str, keycloak: str, not_run: Mapping[str, str], results: Sequence[Result]) -> dict[str, Any]:
    """The content of the file. ``library``: the tool's version."""
    return {
        "tool": tool,
        "version": library,
        "keycloak": keycloak,
        "date": dt.datetime.now(tz=dt.UTC).date().isoformat(),
        "not_run": dict(sorted(not_run.items())),
        "trials": [result.document() for result in results],
    }


def merged(found: Mapping[str, Any], names: Sequence[str], folder: Path = RESULTS) -> dict[str, Any]:
    """What is kept of the tool, with the trials of ``found`` instead of those of the same names. ``names``: all trials that the tool has now."""
    known = next((each for each in kept(folder) if each["tool"] == found["tool"]), None)
    if known is None:
        return dict(found)
    trials = {trial["name"]: trial for trial in (*known["trials"], *found["trials"])}
    return {**found, "trials": [trials[name] for name in names if name in trials]}


def keep(found: Mapping[str, Any], folder: Path = RESULTS) -> Path:
    """Write the file of a tool."""
    file = folder / f"{found['tool']}.json"
    folder.mkdir(exist_ok=True)
    file.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return file


def kept(folder: Path = RESULTS) -> list[dict[str, Any]]:
    """All files, by the names of the tools."""
    return [json.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.json"))]


def unequal(found: Mapping[str, Any]) -> list[str]:
    """Sentences about trials that did not give the same with the computed set, or gave the same with less."""
    wrong = []
    for trial in found["trials"]:
        if trial.get("differs"):
            wrong.append(f"{trial['name']}: another result with {', '.join(trial['least']) or 'no role'}: {trial['differs']}")
        wrong += [f"{trial['name']}: the same result without {role}" for role in trial.get("needless", ())]
    return wrong
