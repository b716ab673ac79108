"""How requests and Location fields are rewritten on the way, by one generation of settings. Pure."""

from dataclasses import dataclass

from kcproxy.http1.fields import RawHeaders
from kcproxy.http1.headers import RequestFields, addressed, read_request, unforwarded
from kcproxy.settings import ForwardedFields, UpstreamSettings


@dataclass(frozen=True, slots=True)
class Forwarding:
    """``upstream_origin`` and ``upstream_host`` as they stand in fields; the rest as the settings say."""

    upstream_origin: bytes
    upstream_host: bytes
    preserves_host: bool
    drops_forwarded: bool
    rewrites_location: bool

    @classmethod
    def of(cls, settings: UpstreamSettings) -> "Forwarding":
        """As the settings say."""
        origin = settings.origin.encode()
        return cls(
            upstream_origin=origin,
            upstream_host=origin.partition(b"://")[2],
            preserves_host=settings.preserve_host,
            drops_forwarded=settings.forwarded is ForwardedFields.DROP,
            rewrites_location=settings.rewrite_location,
        )

    def request_fields(self, raw: RawHeaders) -> RequestFields:
        """A request's fields as they are sent on. Raises RequestRefused as ``read_request``."""
        read = read_request(raw, None if self.preserves_host else self.upstream_host)
        if self.drops_forwarded:
            read.fields = unforwarded(read.fields)
        return read

    def addressed(self, fields: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """The fields for a request with an account's token: Host is always the one under which that token was fetched, its issuer."""
        return addressed(fields, self.upstream_host) if self.preserves_host else fields

    def public_origin(self, head: RequestFields, *, tls: bool) -> bytes | None:
        """The origin by which the client knows us, ``tls`` on its connection; None where Location is to stay as it is."""
        host = head.picked.get(b"host")
        if host is None or not self.rewrites_location:
            return None
        return (b"https://" if tls else b"http://") + host
