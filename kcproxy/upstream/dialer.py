"""Connects to a host name: tries every address that DNS gives, one after the other, within one time limit, with TLS for https."""

import asyncio
import ipaddress
import os
import socket
import ssl
from collections.abc import Callable, Sequence
from itertools import zip_longest

from kcproxy.errors import SettingsError, UpstreamUnreachable
from kcproxy.settings import UpstreamSettings

ProtocolFactory = Callable[[], asyncio.BaseProtocol]

_LEAST_SHARE_SECONDS = 0.25
"""The minimum time for one address if several share the limit."""


def tls_context(settings: UpstreamSettings) -> ssl.SSLContext | None:
    """The TLS context for Keycloak: trusted CAs and our client certificate. None for http. Raises SettingsError, which names the file."""
    if settings.scheme != "https":
        return None
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError([f"upstream.ca_file {settings.ca_file}: {error}; give a readable PEM file of certificates"]) from error
    context.set_alpn_protocols(["http/1.1"])
    if settings.client_certificate_file is not None:
        try:
            context.load_cert_chain(settings.client_certificate_file, settings.client_key_file)
        except (OSError, ssl.SSLError) as error:
            setting = f"upstream.client_certificate_file {settings.client_certificate_file}"
            raise SettingsError([f"{setting}: {error}; give a readable PEM certificate and its unencrypted key"]) from error
    return context


class Dialer:
    """Opens connections to one host and port. Tries the address that worked last first."""

    def __init__(self, settings: UpstreamSettings, *, tls: ssl.SSLContext | None = None) -> None:
        """``tls`` saves reading the certificates of the settings. Raises SettingsError if they cannot be used."""
        self._settings = settings
        self._tls = tls or tls_context(settings)
        self._preferred: str | None = None

    async def dial(self, factory: ProtocolFactory) -> asyncio.BaseProtocol:
        """A connected protocol of ``factory``. Raises UpstreamUnreachable, with a reason for each address, if none can be reached in time."""
        loop = asyncio.get_running_loop()
        limit = self._settings.connect_timeout_seconds
        ends_at = loop.time() + limit
        failures: list[str] = []
        try:
            async with asyncio.timeout(limit):
                addresses = await self._addresses()
                for index, address in enumerate(addresses):
                    share = max((ends_at - loop.time()) / (len(addresses) - index), _LEAST_SHARE_SECONDS)
                    try:
                        protocol = await self._dial_one(address, share, factory)
                    except (OSError, TimeoutError, ssl.SSLError) as error:
                        failures.append(f"{address}: {_reason(error, share)}")
                    else:
                        self._preferred = address
                        return protocol
        except TimeoutError:
            failures.append(f"no connection within {limit:g} s")
        except OSError as error:
            failures.append(f"the name cannot be resolved ({error.strerror or error})")
        self._preferred = None
        raise UpstreamUnreachable(f"cannot connect to {self._settings.origin}: {'; '.join(failures)}", sent=False)

    async def _addresses(self) -> Sequence[str]:
        host = self._settings.host
        try:
            ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            pass
        else:
            return (host,)
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, self._settings.port, type=socket.SOCK_STREAM)
        return interleaved([(family, str(where[0])) for family, _, _, _, where in found], self._preferred)

    async def _dial_one(self, address: str, limit_seconds: float, factory: ProtocolFactory) -> asyncio.BaseProtocol:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(limit_seconds):
            _, protocol = await loop.create_connection(
                factory,
                address,
                self._settings.port,
                ssl=self._tls,
                server_hostname=self._settings.host if self._tls else None,
            )
        return protocol


def interleaved(found: Sequence[tuple[int, str]], preferred: str | None) -> tuple[str, ...]:
    """Addresses without repeats, families interleaved (RFC 8305, section 4), the one that worked last first."""
    first_family = [address for family, address in found if family == found[0][0]]
    others = [address for family, address in found if family != found[0][0]]
    mixed = [address for pair in zip_longest(first_family, others) for address in pair if address is not None]
    ordered = tuple(dict.fromkeys(mixed))
    if preferred is not None and preferred in ordered:
        return (preferred, *(address for address in ordered if address != preferred))
    return ordered


def _reason(error: BaseException, limit_seconds: float) -> str:
    """Why one address failed, in words that name what to fix."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason or error})"
    if isinstance(error, TimeoutError):
        return f"no connection within {limit_seconds:.3g} s"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()
    return str(error) or type(error).__name__
