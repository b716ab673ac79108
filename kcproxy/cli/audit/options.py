"""Options that ``kcproxy audit`` and ``kcproxy upgrade`` share: the sources, the window and the callers."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from kcproxy.cli.audit.prometheus_source import prometheus_url
from kcproxy.cli.history_place import HistoryPlace
from kcproxy.usage.audit import Audit

F = TypeVar("F", bound=Callable[..., Any])
_UNITS = {"h": 3600, "d": 86_400, "w": 7 * 86_400}
_SINCE = re.compile(r"([1-9][0-9]{0,4})([hdw])")


def _since(_: click.Context, __: click.Parameter, value: str) -> float:
    found = _SINCE.fullmatch(value)
    if found is None:
        raise click.BadParameter(f"{value!r} is not a number of hours, days or weeks; use for example 12h, 30d or 8w")
    return float(int(found[1]) * _UNITS[found[2]])


since_option = click.option(
    "--since", "since_seconds", default="30d", show_default=True, callback=_since, metavar="TIME", help="How far back: 12h, 30d, 8w."
)
_history_option = click.option(
    "--history",
    "histories",
    multiple=True,
    type=HistoryPlace(),
    metavar="FILE|URL",
    help="Record of use of a proxy, the history file beside it, or a PostgreSQL database. Repeat it for several. Default: as configured.",
)
_log_option = click.option(
    "--log",
    "logs",
    multiple=True,
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE|-",
    help="A log instead of a record: kcproxy's own, an access log, or lines METHOD /path.",
)
_prometheus_option = click.option(
    "--prometheus",
    "prometheus",
    callback=prometheus_url,
    metavar="URL",
    help="A Prometheus server that scrapes the proxies, instead of a record. It knows less: the output says what.",
)
_held_option = click.option(
    "--held", multiple=True, metavar="ROLE", help="A role that the caller holds, instead of those that its token named. Repeatable."
)


def sources_options(function: F) -> F:
    """The options for records, logs, Prometheus and held roles."""
    return _history_option(_log_option(_prometheus_option(_held_option(function))))


def is_chosen(audit: Audit, client: str | None, realm: str | None) -> bool:
    """Whether the options --client and --realm choose this caller."""
    return client in {None, audit.caller.client} and realm in {None, audit.caller.token_realm}
