"""The one list of settings that name a file, and when a change of the file's content takes effect."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import reduce
from pathlib import Path
from types import MappingProxyType

from kcproxy.settings.model import Settings


class Content(StrEnum):
    """When the content of a file takes effect."""

    AT_EACH_USE = "read at each use"
    WATCHED = "watched"
    AT_START = "at the start only"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileUse:
    """One setting that names a file. ``effect`` says in words what a change of the content does."""

    content: Content
    effect: str


_TOKEN = "counts for the next token, and for a new one at once where a reload finds the file changed"  # noqa: S105 - words
_UPSTREAM = "new connections to Keycloak use it; requests in progress finish on the old ones"
_INBOUND = "new handshakes use it"

FILES: Mapping[str, FileUse] = MappingProxyType(
    {
        "admin_key_file": FileUse(
            content=Content.AT_EACH_USE, effect="the next request to the admin port is checked against it; sessions of the old key end"
        ),
        "upstream.ca_file": FileUse(content=Content.WATCHED, effect=_UPSTREAM),
        "upstream.client_certificate_file": FileUse(content=Content.WATCHED, effect=_UPSTREAM),
        "upstream.client_key_file": FileUse(content=Content.WATCHED, effect=_UPSTREAM),
        "accounts.client_secret_file": FileUse(content=Content.AT_EACH_USE, effect=_TOKEN),
        "accounts.private_key_file": FileUse(content=Content.AT_EACH_USE, effect=_TOKEN),
        "accounts.assertion_file": FileUse(content=Content.AT_EACH_USE, effect=_TOKEN),
        "inspector.client_secret_file": FileUse(content=Content.AT_EACH_USE, effect=_TOKEN),
        "inspector.private_key_file": FileUse(content=Content.AT_EACH_USE, effect=_TOKEN),
        "inspector.assertion_file": FileUse(content=Content.AT_EACH_USE, effect=_TOKEN),
        "history.path": FileUse(
            content=Content.AT_START,
            effect="it is the proxy's own file: read at the start, then only written; no other program may change it",
        ),
        "inbound.api_keys_file": FileUse(content=Content.WATCHED, effect="the next request is checked against it"),
        "inbound.tls_certificate_file": FileUse(content=Content.WATCHED, effect=_INBOUND),
        "inbound.tls_key_file": FileUse(content=Content.WATCHED, effect=_INBOUND),
        "inbound.tls_client_ca_file": FileUse(
            content=Content.WATCHED, effect=f"{_INBOUND}; where an authority is withdrawn, older connections are closed"
        ),
    }
)
"""By key, as ``fields`` has them."""


def watched(settings: Settings) -> tuple[Path, ...]:
    """The files of these settings whose change calls for a reload."""
    named = (_value(settings, key) for key, use in FILES.items() if use.content is Content.WATCHED)
    return tuple(path for path in named if isinstance(path, Path))


def _value(settings: Settings, key: str) -> object:
    return reduce(getattr, key.split("."), settings)
