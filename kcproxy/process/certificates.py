"""Importing aiohttp without the certificates of the system.

When aiohttp is imported, it makes two TLS contexts for its client, one of them with all certificates of the system: a tenth of the CPU time of
a start, and megabytes. Only aiohttp's server is used here; the connections to Keycloak have contexts of their own.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

_VARIABLE = "SSL_CERT_FILE"
"""OpenSSL reads the certificates of the system from the file that it names (X509_get_default_cert_file_env)."""


@contextmanager
def no_system_certificates() -> Iterator[None]:
    """TLS contexts that are made inside have no certificates of the system. Not for use beside other threads."""
    before = os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = os.devnull
    try:
        yield
    finally:
        if before is None:
            del os.environ[_VARIABLE]
        else:
            os.environ[_VARIABLE] = before
