"""The options that all clients have in common, and what is wrong with them."""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal, TypedDict
from urllib.parse import urlsplit

from kcproxy.middleware.accounts import Inspector

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from kcproxy.model import Explanation


class Options(TypedDict, total=False):
    """Keyword arguments of ``RefusalExplainer``, and of everything that makes one.

    ``base_url``: Keycloak's address with its base path. Responses of other servers are left alone. Without it, every response to a path with
    ``/admin/`` or ``/realms/`` is looked at. ``keycloak_version``: such as ``26.7.4``; default: detected if there is an inspector, otherwise the newest
    measured one. ``inspector``: an account for look-ups; requires ``base_url``. ``public_documents``: read the realm's public documents after a refusal, as
    the proxy does without an inspector; requires ``base_url``. ``on_denial``: called with each explanation. ``metrics``: a registry of
    prometheus_client that gets the counters. ``detail``: what bodies and header fields show. ``console_url``, ``docs_url``: for links.
    ``require_audience``: whether Keycloak checks the audience. ``max_body_bytes``: larger refusals are not explained. ``preload``: load the table now,
    not with the first refusal.
    """

    base_url: str | None
    keycloak_version: str | None
    inspector: Inspector | None
    public_documents: bool
    on_denial: "Callable[[Explanation], object] | None"
    metrics: "CollectorRegistry | None"
    detail: Literal["full", "role", "reference"]
    console_url: str | None
    docs_url: str | None
    require_audience: bool | None
    max_body_bytes: int
    preload: bool


_DETAILS = ("full", "role", "reference")
_VERSION = re.compile(r"\d+\.\d+(\.\d+)?")


def check(options: Mapping[str, Any]) -> None:
    """Raises TypeError for a name that is no option, and ValueError with every value that is wrong."""
    unknown = [name for name in options if name not in Options.__annotations__]
    if unknown:
        near = get_close_matches(unknown[0], Options.__annotations__, n=1)
        hint = f" Did you mean {near[0]}?" if near else f" The options are {', '.join(Options.__annotations__)}."
        raise TypeError(f"{unknown[0]} is not an option of the middleware.{hint}")
    problems = [problem for name, value in options.items() if value is not None for problem in _problems(name, value)]
    if problems:
        raise ValueError(" ".join(problems))


def _problems(name: str, value: Any) -> Iterator[str]:
    if name == "keycloak_version" and not (isinstance(value, str) and _VERSION.fullmatch(value)):
        yield f"keycloak_version is not a version of Keycloak: {value!r}. Example: 26.7.4"
    elif name == "detail" and value not in _DETAILS:
        yield f"detail is not one of {', '.join(_DETAILS)}: {value!r}."
    elif name == "max_body_bytes" and not (isinstance(value, int) and not isinstance(value, bool) and value > 0):
        yield f"max_body_bytes is not a positive number of bytes: {value!r}."
    elif name in {"public_documents", "preload", "require_audience"} and not isinstance(value, bool):
        yield f"{name} is neither True nor False: {value!r}."
    elif name in {"console_url", "docs_url"} and not _is_url(value):
        yield f"{name} is not an http or https URL with a host: {value!r}."
    elif name == "inspector" and not isinstance(value, Inspector):
        yield "inspector is not an Inspector (kcproxy.middleware.Inspector)."
    elif name == "metrics" and not callable(getattr(value, "register", None)):
        yield "metrics is not a registry of prometheus_client, such as prometheus_client.REGISTRY."
    elif name == "on_denial":
        yield from _callback_problems(value)


def _callback_problems(value: Any) -> Iterator[str]:
    if not callable(value):
        yield f"on_denial is not callable: {value!r}."
    elif inspect.iscoroutinefunction(value) or inspect.iscoroutinefunction(getattr(value, "__call__", None)):  # noqa: B004 - its kind, not whether it is there
        yield "on_denial is a coroutine function, which nothing awaits. Give a plain function; it can start a task."


def _is_url(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    parts = urlsplit(value)
    return parts.scheme in {"http", "https"} and bool(parts.hostname)
