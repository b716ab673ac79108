"""A request and its response as Envoy reports them. Pure."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from kcproxy.http1.fields import RawHeaders

READ_FIELDS = (
    "authorization",
    "accept",
    "accept-language",
    "content-length",
    "content-type",
    "dpop",
    "forwarded",
    "origin",
    "traceparent",
    "transfer-encoding",
    "user-agent",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
)
"""Fields of a request, in lower case, that an explanation or a log line reads, in addition to Host."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenRequest:
    """A request as Envoy forwarded it.

    ``raw_target``: path and query. ``body``: None if there is none, or if it was not seen: then ``body_unseen`` is True. ``peer``: the address
    of Envoy's client, without its port.
    """

    method: str
    raw_target: str
    fields: RawHeaders = field(repr=False)
    body: bytes | None = field(default=None, repr=False)
    body_unseen: bool = False
    peer: str | None = None


def has_body(method: str, content_length: str | None, transfer_encoding: str | None) -> bool:
    """Whether a request that is known only by these fields may have a body. Over HTTP/2 it may have one without either field."""
    if content_length is not None:
        return content_length.strip() != "0"
    return transfer_encoding is not None or method in {"POST", "PUT", "PATCH"}


_OF_ENVOY = b"x-envoy-upstream-service-time"
"""Set by the Envoy that reports the response, so it is no evidence of another layer before Keycloak."""


class SeenResponse:
    """A response whose body has arrived, or was too large to be sent here. It is an ``UpstreamResponse``."""

    reason = b""
    retried = False

    def __init__(self, status: int, headers: RawHeaders, body: bytes | None) -> None:
        """``body``: None if it is not complete."""
        self.status = status
        self.headers: RawHeaders = [line for line in headers if line[0].lower() != _OF_ENVOY]
        self._body = body

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body in one piece."""
        if self._body:
            yield self._body

    async def read(self, max_bytes: int) -> bytes | None:
        """The body; None if it is longer, or not complete."""
        return None if self._body is None or len(self._body) > max_bytes else self._body

    def release(self) -> None:
        """Nothing is held."""
