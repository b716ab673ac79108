"""Options that ``kcproxy audit`` and ``kcproxy upgrade`` share: the sources, the window and the callers. They become one value, a ``Selection``."""

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import reduce, wraps
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult

import click

from kcproxy.catalog import Catalog
from kcproxy.cli.audit.prometheus_source import prometheus_url
from kcproxy.cli.history_place import history_place
from kcproxy.cli.options import config_option, key_file_option
from kcproxy.settings import HistorySettings
from kcproxy.usage.audit import Audit, audits
from kcproxy.usage.model import UseRecord

_UNITS = {"h": 3600, "d": 86_400, "w": 7 * 86_400}
_SINCE = re.compile(r"([1-9][0-9]{0,4})([hdw])")


def _since(_: click.Context, __: click.Parameter, value: str) -> float:
    found = _SINCE.fullmatch(value)
    if found is None:
        raise click.BadParameter(f"{value!r} is not a number of hours, days or weeks; use for example 12h, 30d or 8w")
    return float(int(found[1]) * _UNITS[found[2]])


_client_option = click.option("--client", metavar="ID", help="Only this client.")
_realm_option = click.option("--realm", metavar="REALM", help="Only callers whose token is of this realm.")
_since_option = click.option(
    "--since", "since_seconds", default="30d", show_default=True, callback=_since, metavar="TIME", help="How far back: 12h, 30d, 8w."
)
_history_option = click.option(
    "--history",
    "histories",
    multiple=True,
    type=history_place,
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
_admin_option = click.option(
    "--admin",
    "admins",
    metavar="HOST:PORT",
    multiple=True,
    help="Admin port of a running proxy, to read its record there. Repeat it for several: their records are added.",
)
_held_option = click.option(
    "--held", multiple=True, metavar="ROLE", help="A role that the caller holds, instead of those that its token named. Repeatable."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What the options choose. Empty sources: the record that the settings name. ``held``: replaces the roles that the token named."""

    client: str | None
    realm: str | None
    since_seconds: float
    histories: tuple[Path | HistorySettings, ...] = ()
    admins: tuple[str, ...] = ()
    key_file: Path | None = None
    logs: tuple[Path, ...] = ()
    prometheus: SplitResult | None = None
    held: tuple[str, ...] = ()
    config: Path | None = None

    def __post_init__(self) -> None:
        """Raise UsageError if the held roles are of nobody in particular."""
        if self.held and self.client is None:
            raise click.UsageError("--held is about one client: name it with --client")

    def audits(self, catalog: Catalog, record: UseRecord) -> tuple[Audit, ...]:
        """The audits of the chosen callers."""
        chosen = audits(catalog, record, held=self.held or None)
        return tuple(
            audit for audit in chosen if self.client in {None, audit.caller.client} and self.realm in {None, audit.caller.token_realm}
        )


_FIELDS = tuple(each.name for each in fields(Selection))
_OPTIONS = (
    _client_option,
    _realm_option,
    _since_option,
    _history_option,
    _admin_option,
    key_file_option,
    _log_option,
    _prometheus_option,
    _held_option,
    config_option,
)


def selection_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options to a command. It gets one argument for them, ``selection``."""

    @wraps(function)
    def command(**given: Any) -> None:
        selection = Selection(**{name: given.pop(name) for name in _FIELDS})
        function(selection=selection, **given)

    return reduce(lambda decorated, option: option(decorated), reversed(_OPTIONS), command)
