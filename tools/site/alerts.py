"""The rule of an alert, on the page of its runbook."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tools.site.sources import ROOT

FOLDER = "runbooks"
_RULES = ROOT / "prometheus" / "rules" / "kcproxy.yaml"


@cache
def rules() -> dict[str, dict[str, Any]]:
    """The rules of the alerts by their name."""
    groups = yaml.safe_load(_RULES.read_text(encoding="utf-8"))["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}


def with_rule(text: str, page: str) -> str:
    """The page of a runbook with its rule. LookupError if no alert has that name."""
    name = Path(page).stem
    rule = rules().get(name)
    if rule is None:
        raise LookupError(f"{page} is the runbook of no alert in {_RULES.name}")
    wait = f", after {rule['for']}" if "for" in rule else ""
    head = f"## Rule\n\nSeverity: {rule['labels']['severity']}{wait}. Its [message](../alerts.md#{name.lower()}), [all alerts](README.md)."
    return f"{text.rstrip()}\n\n{head}\n\n```promql\n{rule['expr'].strip()}\n```\n"


def index() -> str:
    """The list of all alerts."""
    rows = "\n".join(f"| [{name}]({name}.md) | {rule['labels']['severity']} |" for name, rule in sorted(rules().items()))
    return f"# Runbooks\n\nOne page for each alert. [Their messages](../alerts.md). [Monitoring](../monitoring.md).\n\n| alert | severity |\n|---|---|\n{rows}\n"
