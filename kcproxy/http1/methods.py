"""Sets of request methods, each with one meaning (RFC 9110, section 9.2)."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing, so that a request may be sent again after its connection broke without a response."""

READ_METHODS = frozenset({"GET", "HEAD"})
"""Methods whose response is all there is to them: asked again, they only show more or less."""

API_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
"""Methods of the Admin REST API. TRACE is not among them: it would send an injected token back."""
