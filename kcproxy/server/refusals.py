"""The responses to requests that a connection refuses before they reach the handler."""

from kcproxy.http1.request_parser import SyntaxProblem
from kcproxy.server.error_responses import ErrorResponse

SLOW_HEAD = ErrorResponse.of(408, "slow-request", "The head of the request took too long to arrive.")
NO_ROOM = ErrorResponse.of(503, "busy", "The proxy holds as many large unfinished requests as it can.", retry_after_seconds=1)
PROBLEMS = {
    SyntaxProblem.MALFORMED: ErrorResponse.of(
        400, "bad-request", "The request is not valid HTTP/1.1, or its framing can be read in two ways."
    ),
    SyntaxProblem.HEAD_TOO_LARGE: ErrorResponse.of(
        431, "header-too-large", "The head of the request is larger than the proxy's settings allow (limits.max_header_bytes)."
    ),
    SyntaxProblem.VERSION: ErrorResponse.of(505, "version", "The request is not HTTP/1.1 or HTTP/1.0."),
}
