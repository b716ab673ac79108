"""Rewrites request fields and Location, as one generation of settings says. Pure."""

from msgspec import Struct

from kcproxy.http1.fields import RawHeaders
from kcproxy.http1.headers import RequestFields, addressed, read_request, unforwarded
from kcproxy.settings import ForwardedFields, UpstreamSettings


class Forwarding(Struct, frozen=True):
    """``upstream_origin`` and ``upstream_host`` are values of fields; the rest are settings."""

    upstream_origin: bytes
    upstream_host: bytes
    preserves_host: bool
    drops_forwarded: bool
    rewrites_location: bool

    @classmethod
    def of(cls, settings: UpstreamSettings) -> "Forwarding":
        """The rules of these settings."""
        origin = settings.origin.encode()
        return cls(
            upstream_origin=origin,
            upstream_host=origin.partition(b"://")[2],
            preserves_host=settings.preserve_host,
            drops_forwarded=settings.forwarded is ForwardedFields.DROP,
            rewrites_location=settings.rewrite_location,
        )

    def request_fields(self, raw: RawHeaders) -> RequestFields:
        """The fields of a request as they are forwarded. Raises RequestRefused as ``read_request``."""
        read = read_request(raw, None if self.preserves_host else self.upstream_host)
        if self.drops_forwarded:
            read.fields = unforwarded(read.fields)
        return read

    def addressed(self, fields: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """The fields of a request with an account's token. Host is the one with which the token was fetched, because the issuer may depend on it."""
        return addressed(fields, self.upstream_host) if self.preserves_host else fields

    def public_origin(self, head: RequestFields, *, tls: bool) -> bytes | None:
        """The proxy's origin as the client uses it, for Location. None if Location stays as it is."""
        host = head.picked.get(b"host")
        if host is None or not self.rewrites_location:
            return None
        return (b"https://" if tls else b"http://") + host
