"""Reading dashboards and rules as tests need it: panels, queries, variables put in."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "grafana" / "dashboards"
RULES = ROOT / "prometheus" / "rules" / "kcproxy.yaml"
RUNBOOKS = ROOT / "docs" / "runbooks"
DASHBOARDS: dict[str, dict[str, Any]] = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted(FOLDER.glob("*.json"))}
SELECTOR = re.compile(r"\b(kcproxy_\w+|process_\w+|python_\w+)\s*\{([^}]*)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One query of one panel."""

    board: str
    panel: str
    kind: str
    expr: str

    @property
    def id(self) -> str:
        return f"{self.board}: {self.panel}"


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every panel that is not a row's heading."""
    for name, board in DASHBOARDS.items():
        yield from ((name, panel) for panel in board["panels"] if panel["type"] != "row")


def targets() -> list[Target]:
    """Every query of every panel."""
    return [
        Target(board=name, panel=panel["title"], kind=panel["type"], expr=target["expr"])
        for name, panel in panels()
        for target in panel["targets"]
    ]


def filled(expr: str, *, window_seconds: int = 300) -> str:
    """A query with Grafana's variables put in: everything chosen, a range and intervals of some minutes."""
    values = {
        "$__rate_interval": f"{window_seconds}s",
        "$__range_s": str(window_seconds),
        "$__range": f"{window_seconds}s",
        "$__interval_ms": str(window_seconds * 1000),
        "$__interval": f"{window_seconds}s",
        "$job": ".+",
        "$instance": ".+",
        "$realm": ".+",
        "$account": ".+",
    }
    for name, value in values.items():
        expr = expr.replace(name, value)
    return expr


def alerts() -> list[dict[str, Any]]:
    """Every alert."""
    rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    return [rule for group in rules["groups"] for rule in group["rules"]]
