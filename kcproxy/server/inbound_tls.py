"""TLS of the inbound listener: its certificate, and the CAs of client certificates."""

import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from kcproxy.errors import SettingsError
from kcproxy.settings import InboundSettings
from kcproxy.settings.file_reading import content_of

_PEM_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.+?-----END \1-----", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundTls:
    """One state of the TLS files.

    Each state has its own ``context``, which is never changed. A context trusts every CA that was ever loaded into it. It also accepts the session
    tickets that it issued, with the client certificate that was verified then (RFC 8446, section 2.2).
    """

    context: ssl.SSLContext = field(compare=False, repr=False)
    digests: tuple[bytes, ...] = field(repr=False)
    """SHA-256 of certificate, key and CAs. They decide whether two states are equal."""
    authorities: frozenset[bytes] | None = field(compare=False, repr=False)
    """The PEM blocks of the CAs. None if client certificates are not required."""

    def withdraws(self, before: "InboundTls") -> bool:
        """Whether this state may refuse a client certificate that the previous one accepted."""
        if self.authorities is None:
            return False
        return before.authorities is None or not before.authorities <= self.authorities


def read_tls(inbound: InboundSettings) -> InboundTls | None:
    """The current state of the TLS files. None without a certificate. Raises SettingsError, with file and reason, if they cannot be used."""
    certificate, key, authorities = inbound.tls_certificate_file, inbound.tls_key_file, inbound.tls_client_ca_file
    if certificate is None or key is None:
        return None
    # Read the content before the context: a file that changes in between is then seen as changed later.
    contents = [_content(file) for file in (certificate, key, authorities) if file is not None]
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    # Without a pass phrase OpenSSL would prompt for one.
    _loaded("tls_certificate_file", certificate, lambda: context.load_cert_chain(certificate, key, password=""))
    if authorities is not None:
        _loaded("tls_client_ca_file", authorities, lambda: context.load_verify_locations(authorities))
        context.verify_mode = ssl.CERT_REQUIRED
    return InboundTls(
        context=context,
        digests=tuple(sha256(content).digest() for content in contents),
        authorities=None if authorities is None else frozenset(found[0] for found in _PEM_BLOCK.finditer(contents[-1])),
    )


def _loaded(name: str, file: Path, load: Callable[[], None]) -> None:
    try:
        load()
    except (OSError, ssl.SSLError) as error:
        why = getattr(error, "reason", None) or error.strerror or type(error).__name__
        remedy = "give a PEM file of certificates" if name == "tls_client_ca_file" else "give a PEM certificate and its unencrypted key"
        raise SettingsError([f"inbound.{name}: {file} cannot be used ({why}); {remedy}"]) from error


def _content(file: Path) -> bytes:
    try:
        return content_of(file)
    except OSError as error:
        raise SettingsError([f"inbound: {file} cannot be read ({error.strerror}); name an existing file"]) from error
