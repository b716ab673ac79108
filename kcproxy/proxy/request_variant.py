"""Which variants of an operation a request showed, for the record of use. Only operations that have variants cost more than a look into a set."""

from functools import lru_cache
from urllib.parse import parse_qs

from kcproxy.catalog import Catalog
from kcproxy.http1.json_body import json_value
from kcproxy.model import Target
from kcproxy.proxy.exchange import Exchange

MAX_BODY_BYTES = 65_536
MAX_VARIANTS = 8
_MAX_PARAMETERS = 50


def variant_of(exchange: Exchange, catalog: Catalog) -> str:
    """As ``variant_shown``, for an exchange."""
    content = exchange.body.content if exchange.body is not None else None
    return variant_shown(exchange.target, exchange.raw_target, content, catalog)


def variant_shown(target: Target, raw_target: str, content: bytes | None, catalog: Catalog) -> str:
    """IDs of the most specific variants that query, path and body show, joined by ``+``; empty for a plain request."""
    operation = target.operation
    if operation is None or operation.key not in _varied(catalog):
        return ""
    entry = catalog.entry(target)
    if entry is None:
        return ""
    body = json_value(content) if content and len(content) <= MAX_BODY_BYTES else None
    found = entry.shown(query=_parameters(raw_target), body=body, parameters=target.parameters)
    return "+".join(variant.id for variant in found[:MAX_VARIANTS])


def _parameters(raw_target: str) -> dict[str, list[str]]:
    try:
        return parse_qs(raw_target.partition("?")[2], keep_blank_values=True, max_num_fields=_MAX_PARAMETERS)
    except ValueError:
        return {}


@lru_cache(maxsize=4)
def _varied(catalog: Catalog) -> frozenset[str]:
    """Keys of operations with variants that a request shows."""
    return frozenset(entry.operation.key for entry in catalog.operations if any(variant.visible for variant in entry.variants))
