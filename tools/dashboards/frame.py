"""What all dashboards share: variables, links, annotations, the grid."""

from collections.abc import Sequence
from dataclasses import dataclass

from tools.dashboards.panels import DATASOURCE, Json, Panel, of

COLUMNS = 24
ALL = {"selected": True, "text": "All", "value": "$__all"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of panels with a title."""

    title: str
    panels: Sequence[Panel]


def dashboard(
    *, uid: str, title: str, description: str, rows: Sequence[Row], variables: Sequence[Json] = (), time_from: str = "now-6h"
) -> Json:
    """A complete dashboard. It is read-only in Grafana, because it is generated."""
    return {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": ["kcproxy", "keycloak"],
        "schemaVersion": 41,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "1m",
        "time": {"from": time_from, "to": "now"},
        "timezone": "browser",
        "templating": {"list": [_datasource(), _job(), _instance(), *variables]},
        "annotations": {"list": [_reloads(), _versions()]},
        "links": [_link("kcproxy", kind="dashboards"), _link("Page of recent denials", url="${page}")],
        "panels": placed(rows),
    }


def placed(rows: Sequence[Row]) -> list[Json]:
    """Panels from left to right with line breaks, and a heading above each row."""
    found: list[Json] = []
    y = 0
    for row in rows:
        found.append(
            {
                "id": len(found) + 1,
                "type": "row",
                "title": row.title,
                "collapsed": False,
                "gridPos": {"x": 0, "y": y, "w": 24, "h": 1},
                "panels": [],
            }
        )
        y += 1
        x = height = 0
        for panel in row.panels:
            if x + panel.width > COLUMNS:
                x, y = 0, y + height
                height = 0
            found.append(panel.json(len(found) + 1, x, y))
            x, height = x + panel.width, max(height, panel.height)
        y += height
    return found


def label_variable(name: str, label: str, query: str, *, all_value: str = ".+") -> Json:
    """A multi-value variable with the values of a label, read again when the time range changes."""
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": DATASOURCE,
        "query": {"query": query, "refId": f"Variable-{name}"},
        "definition": query,
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": all_value,
        "sort": 1,
        "current": ALL,
    }


def text_variable(name: str, label: str, value: str) -> Json:
    """A text variable."""
    return {"type": "textbox", "name": name, "label": label, "query": value, "current": {"selected": True, "text": value, "value": value}}


PAGE = text_variable("page", "Address of the page", "http://127.0.0.1:9180")
DOCS = text_variable("docs", "Address of the documentation", "https://kcproxy.example/docs")


def _link(title: str, *, kind: str = "link", url: str = "") -> Json:
    is_list = kind == "dashboards"
    return {
        "type": kind,
        "title": title,
        "url": url,
        "icon": "external link",
        "tooltip": title,
        "tags": ["kcproxy"] if is_list else [],
        "asDropdown": is_list,
        "includeVars": is_list,
        "keepTime": is_list,
        "targetBlank": not is_list,
    }


def _datasource() -> Json:
    return {
        "type": "datasource",
        "name": "datasource",
        "label": "Data source",
        "query": "prometheus",
        "refresh": 1,
        "multi": False,
    }


def _job() -> Json:
    return label_variable("job", "Job", "label_values(kcproxy_build_info, job)")


def _instance() -> Json:
    return label_variable("instance", "Instance", 'label_values(kcproxy_build_info{job=~"$job"}, instance)')


def _annotation(name: str, color: str, expr: str, text: str) -> Json:
    return {
        "name": name,
        "enable": True,
        "iconColor": color,
        "datasource": DATASOURCE,
        "expr": expr,
        "step": "60s",
        "titleFormat": name,
        "textFormat": text,
    }


def _reloads() -> Json:
    changed = f"changes({of('kcproxy_config_last_reload_success_timestamp_seconds')}[2m]) > 0"
    return _annotation("Settings reloaded", "blue", changed, "{{instance}}")


def _versions() -> Json:
    build = of("kcproxy_build_info")
    return _annotation("Another version", "purple", f"{build} unless {build} offset 5m", "{{instance}}: {{version}}, catalog {{catalog}}")
