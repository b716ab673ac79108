"""What Keycloak itself writes into error responses, and which of it says anything."""

from kcproxy.explain.context import Context
from kcproxy.explain.text import shown

KEYCLOAK_FIELDS = frozenset({"error", "errorMessage", "error_description", "errors", "error_uri", "field", "params"})
BOILERPLATE_ERRORS = frozenset({"unknown_error"})
BOILERPLATE_DESCRIPTIONS = frozenset({"for more on this error consult the server log at the debug level."})
PAGE_OF_NOTHING = "<body><h1>Resource not found</h1></body>"
"""The page for paths outside of Keycloak: beside its base path, and on the management port."""
GATEWAY_HEADERS = (
    *("server", "via", "cf-ray", "x-amzn-requestid", "x-azure-ref"),
    *("x-kong-response-latency", "x-envoy-upstream-service-time"),
)
READ_HEADERS = frozenset({"www-authenticate", *GATEWAY_HEADERS})
"""The response fields that any rule reads."""


def keycloak_says(context: Context) -> tuple[str, ...]:
    """Keycloak's own words, if it sent more than boilerplate."""
    response = context.answer
    body = response.json or {}
    words = (response.error, response.description, body.get("errorMessage"))
    own = [word for word in words if isinstance(word, str) and not is_boilerplate(word)]
    return (f"Keycloak says: {shown('; '.join(dict.fromkeys(own)))}",) if own else ()


def is_boilerplate(word: str) -> bool:
    """Whether a text of an error body says nothing: only the status code, or a reference to the server log."""
    low = word.strip().lower()
    return low in BOILERPLATE_ERRORS or low in BOILERPLATE_DESCRIPTIONS or (low.startswith("http ") and low[5:8].isdigit())


_OWN_ERRORS = ("Invalid origin", "Token issued for an application that is not the admin console")
"""What Keycloak does write, beside the status code, into refusals of the Admin REST API."""


def has_own_words(context: Context) -> bool:
    """Whether ``error`` of a refusal is something that Keycloak does not write for insufficient roles or tokens."""
    error = context.answer.error
    return error is not None and not is_boilerplate(error) and not error.startswith(_OWN_ERRORS)


def gateway_traces(context: Context) -> tuple[str, ...]:
    """Response fields that a gateway adds."""
    headers = context.answer.headers
    return tuple(f"the response has the field {name}: {shown(headers[name], 80)}" for name in GATEWAY_HEADERS if headers.get(name))


def is_management_port(context: Context) -> bool:
    """Whether the address has the default port of the management interface."""
    return (context.request.public_url or "").endswith(":9000")
