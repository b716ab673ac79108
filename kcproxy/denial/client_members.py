"""Which members of an explained body repeat the sentence for a client that prints several of them. Pure.

gocloak (14.0.4) joins ``error``, ``errorMessage`` and ``error_description`` into the text of its error, so it would print the sentence twice.
It sends no User-Agent of its own, but that of its HTTP library, resty.
"""

from collections.abc import Mapping
from typing import Any

from kcproxy.http1.fields import RawHeaders

_JOINED_BY_RESTY = "error_description"


def user_agent_of(fields: RawHeaders) -> str:
    """The User-Agent field (RFC 9110, section 10.1.5). Empty without one."""
    return next((value.decode("latin-1") for name, value in fields if name.lower() == b"user-agent"), "")


def prints_each_member(user_agent: str) -> bool:
    """Whether the client prints ``errorMessage`` and ``error_description`` one after the other."""
    return user_agent.lower().startswith("go-resty/")


def with_one_sentence(body: Mapping[str, Any], original: Mapping[str, Any] | None) -> dict[str, Any]:
    """The body with the sentence in one of the members that gocloak joins. What Keycloak sent stays."""
    repeated = body.get(_JOINED_BY_RESTY) == body.get("errorMessage") and _JOINED_BY_RESTY not in (original or {})
    return {name: value for name, value in body.items() if not (repeated and name == _JOINED_BY_RESTY)}
