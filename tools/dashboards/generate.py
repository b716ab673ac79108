"""The generated dashboards, by path from the project's root."""

import json
from collections.abc import Mapping

from tools.dashboards import denials, health, privilege, tokens
from tools.dashboards.panels import Json

FOLDER = "grafana/dashboards"


def dashboards() -> Mapping[str, Json]:
    """Each dashboard by the name of its file."""
    return {
        "denials.json": denials.build(),
        "service-tokens.json": tokens.build(),
        "health.json": health.build(),
        "least-privilege.json": privilege.build(),
    }


def documents() -> Mapping[str, str]:
    """The dashboards by path."""
    return {f"{FOLDER}/{name}": json.dumps(board, indent=1, ensure_ascii=False) + "\n" for name, board in dashboards().items()}
