"""Everything that an explanation is made from, in one frozen value."""

from typing import NamedTuple

from kcproxy.catalog import Catalog
from kcproxy.model import Answer, Caller, Facts, RequestFacts


class Inputs(NamedTuple):
    """One refused request: what was sent, who sent it, what came back, and what is known about the server.

    ``facts``: results of look-ups, or None if there were none. ``keycloak_version``: the version of the server, or None if it is unknown;
    then the catalog's version is assumed. ``require_audience``: whether the server checks ``aud``, or None to decide by the version.
    ``console_base_url``: the address of the Admin console, base path included; without it, the address that the proxy uses.
    ``for_operator``: the explanation may show what is hidden from the caller (log, page, commands of the operator).
    ``docs_url``: where the pages of ``docs/causes`` are published.
    """

    request: RequestFacts
    caller: Caller
    answer: Answer
    catalog: Catalog
    now_epoch_seconds: float
    facts: Facts | None = None
    keycloak_version: str | None = None
    require_audience: bool | None = None
    console_base_url: str | None = None
    docs_url: str | None = None
    for_operator: bool = False
