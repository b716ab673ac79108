"""Asks a Prometheus server for the use of the proxies that it scrapes (HTTP API v1)."""

import http.client
import json
import ssl
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit

import click

from kcproxy.errors import KcproxyError
from kcproxy.usage.from_prometheus import PrometheusReading, UnusableAnswer, days_query, granted_query, record_of_metrics, uses_query
from kcproxy.usage.window import DAY_SECONDS

_SECONDS = 60.0
_MAX_BYTES = 64 * 1024 * 1024


class PrometheusUnreadable(KcproxyError):
    """For the operator: the server did not answer, or not as Prometheus does."""

    kind = "prometheus"


def prometheus_url(_: click.Context, __: click.Parameter, value: str | None) -> SplitResult | None:
    """The value of ``--prometheus``: http or https, without user name or query."""
    if value is None:
        return None
    try:
        url = urlsplit(value)
        usable = url.scheme in {"http", "https"} and url.hostname and url.port != 0 and not (url.username or url.query or url.fragment)
    except ValueError:
        usable = False
    if not usable:
        raise click.BadParameter("it must be the address of a Prometheus server, as http://localhost:9090, without user name and query")
    return url


def read_prometheus(url: SplitResult, *, since_seconds: float, now_epoch_seconds: float) -> PrometheusReading:
    """The use in this window. Raises PrometheusUnreadable."""
    seconds = int(since_seconds)
    days = {"start": str(now_epoch_seconds - since_seconds + DAY_SECONDS), "end": str(now_epoch_seconds), "step": str(DAY_SECONDS)}
    if since_seconds < DAY_SECONDS:
        days["start"] = days["end"]
    at = {"time": str(now_epoch_seconds)}
    try:
        return record_of_metrics(
            _ask(url, "query", at | {"query": uses_query(seconds)}),
            _ask(url, "query", at | {"query": granted_query()}),
            _ask(url, "query_range", days | {"query": days_query()}),
        )
    except UnusableAnswer as error:
        raise PrometheusUnreadable(f"{url.geturl()} did not answer as Prometheus does: check the address") from error


def _ask(url: SplitResult, what: str, fields: dict[str, str]) -> Any:
    if url.scheme == "https":
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            url.hostname or "", url.port, timeout=_SECONDS, context=ssl.create_default_context()
        )
    else:
        connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=_SECONDS)
    try:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", f"{url.path.rstrip('/')}/api/v1/{what}", urlencode(fields), headers)
        answer = connection.getresponse()
        status, body = answer.status, answer.read(_MAX_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise PrometheusUnreadable(f"no response from {url.geturl()} ({type(error).__name__}): check the address") from error
    finally:
        connection.close()
    if status != 200:
        raise PrometheusUnreadable(f"{url.geturl()} answered with status {status}: check the address, and whether it needs a login")
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise PrometheusUnreadable(f"{url.geturl()} did not answer with JSON: check the address") from error
