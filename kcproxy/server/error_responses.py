"""The proxy's own error responses: JSON with the members that Keycloak's clients print, and a header field for the kind of error."""

import json
from http import HTTPStatus

from msgspec import Struct

from kcproxy.errors import KcproxyError, RequestRefused, TokenFetchError
from kcproxy.http1.response_head import response_head
from kcproxy.visible import visible

KIND_HEADER = "Kcproxy-Error"


class ErrorResponse(Struct, frozen=True, kw_only=True):
    """An error response. ``kind`` is a word of a closed set; ``message`` is a sentence without secrets."""

    status: int
    kind: str
    message: str
    extra: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, status: int, kind: str, message: str, *, retry_after_seconds: int | None = None) -> "ErrorResponse":
        """An error response, with Retry-After if that is given."""
        extra = (("Retry-After", str(retry_after_seconds)),) if retry_after_seconds is not None else ()
        return cls(status=status, kind=kind, message=message, extra=extra)

    def body(self, *, once: bool = False) -> bytes:
        """The JSON body: ``error`` for programs, and the message in every member that clients print. ``once``: for clients that join members."""
        message = visible(self.message)  # clients print it unchanged
        fields = {
            "error": f"kcproxy_{self.kind.replace('-', '_')}",
            "error_description": message,
            "errorMessage": message,
            "message": message,
        }
        if once:
            del fields["error_description"]
        return json.dumps(fields, ensure_ascii=False).encode()

    def as_bytes(self, *, keep_alive: bool, head_only: bool = False, once: bool = False) -> bytes:
        """The whole response as bytes. ``once``: as for ``body``."""
        body = self.body(once=once)
        fields = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            (KIND_HEADER, self.kind),
            *self.extra,
        ]
        lines = [f"{name}: {value}\r\n".encode() for name, value in fields]
        head = response_head(self.status, HTTPStatus(self.status).phrase.encode(), lines, keep_alive=keep_alive)
        return head if head_only else head + body


def error_response_of(error: KcproxyError) -> ErrorResponse:
    """The response for an error."""
    if isinstance(error, RequestRefused):
        challenge = (("WWW-Authenticate", 'Bearer realm="kcproxy"'),) if error.status_hint == 401 else ()
        return ErrorResponse(status=error.status_hint, kind=error.reason, message=str(error), extra=challenge)
    if isinstance(error, TokenFetchError):
        return ErrorResponse.of(error.status_hint, error.kind, str(error))
    retry = 1 if error.status_hint == 503 else None
    return ErrorResponse.of(error.status_hint, error.kind, str(error), retry_after_seconds=retry)
