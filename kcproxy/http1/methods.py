"""Sets of request methods, each with one meaning (RFC 9110, section 9.2)."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing. Their requests may be sent again after a connection broke without a response."""

READ_METHODS = frozenset({"GET", "HEAD"})
"""Methods that only read a resource. Repeated with another token, they only show more or less of it."""

API_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
"""Methods of the Admin REST API. TRACE is not among them: it would send an injected token back."""
