"""All that this package generates, by path from the project's root."""

import json
from collections.abc import Mapping

from kcproxy.observe import log_fields as lines
from kcproxy.observe import metric_specs as catalogue
from tools.dashboards import denials, health, privilege, tokens
from tools.dashboards.panels import Json

FOLDER = "grafana/dashboards"


def dashboards() -> Mapping[str, Json]:
    """Each dashboard by its file's name."""
    return {
        "denials.json": denials.build(),
        "service-tokens.json": tokens.build(),
        "health.json": health.build(),
        "least-privilege.json": privilege.build(),
    }


def documents() -> Mapping[str, str]:
    """Texts by path: dashboards, docs/metrics.md, docs/log.md."""
    made = {f"{FOLDER}/{name}": json.dumps(board, indent=1, ensure_ascii=False) + "\n" for name, board in dashboards().items()}
    return {**made, "docs/metrics.md": catalogue.markdown(), "docs/log.md": lines.markdown()}
