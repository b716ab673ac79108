"""The options that all clients have in common."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, TypedDict

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
