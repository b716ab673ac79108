"""The gRPC service of Envoy's external processor: one stream for each exchange that Envoy reports."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from envoy.service.ext_proc.v3 import external_processor_pb2_grpc

from kcproxy.envoy.refusals import Refusals
from kcproxy.envoy.stream import ProcessingStream
from kcproxy.errors import SettingsError
from kcproxy.server.sockets import UNIX_MODE
from kcproxy.settings import AddressSettings, InboundSettings

log = logging.getLogger("kcproxy.envoy")

_MAX_MESSAGE_BYTES = 4 << 20
_OPTIONS = (("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES))


class _Service:
    """The methods of the service, with the names of the protocol."""

    def __init__(self, refusals: Callable[[], Refusals]) -> None:
        self._refusals = refusals

    async def Process(self, requests: AsyncIterator[Any], _context: Any) -> AsyncIterator[Any]:  # noqa: N802 - the protocol's name
        """Answer the messages of one stream."""
        stream = ProcessingStream(self._refusals())
        try:
            async for message in requests:
                answer = await stream.answer(message)
                if answer is not None:
                    yield answer
        except asyncio.CancelledError:
            raise  # Envoy has reset the stream, or the time for its answer is over
        except Exception:
            log.exception("a message of Envoy could not be answered")
            raise
        finally:
            stream.end()


class GrpcListener:
    """The gRPC server on one address."""

    def __init__(self, address: AddressSettings, inbound: InboundSettings, refusals: Callable[[], Refusals], *, max_streams: int) -> None:
        """Create it on a running event loop. Raises SettingsError if it cannot listen."""
        self._address = address
        self._server = grpc.aio.server(options=_OPTIONS, maximum_concurrent_rpcs=max_streams)
        external_processor_pb2_grpc.add_ExternalProcessorServicer_to_server(_Service(refusals), self._server)
        try:
            if inbound.tls_certificate_file is None or address.unix_path is not None:
                _add_port(self._server, address)
            else:
                self._server.add_secure_port(str(address), _credentials(inbound))
        except RuntimeError as error:
            problem = f"listen: cannot listen on {address}; stop the process that uses it, or choose another address"
            raise SettingsError([problem]) from error

    async def start(self) -> None:
        """Begin to accept."""
        await self._server.start()

    async def drain(self, seconds: float) -> None:
        """Accept nothing more, and finish the streams for at most this long."""
        await self._server.stop(seconds)

    async def close(self) -> None:
        """End all streams."""
        await self._server.stop(None)
        if self._address.unix_path is not None:
            self._address.unix_path.unlink(missing_ok=True)


def _add_port(server: Any, address: AddressSettings) -> None:
    """A Unix socket gets the mode of the proxy's own: for its owner and group."""
    before = os.umask(0o777 & ~UNIX_MODE)
    try:
        server.add_insecure_port(str(address))
    finally:
        os.umask(before)


def _credentials(inbound: InboundSettings) -> Any:
    """Credentials that read the files for each handshake after a change. Client certificates are required."""
    return grpc.dynamic_ssl_server_credentials(
        _configuration(inbound), lambda: _configuration(inbound), require_client_authentication=inbound.tls_client_ca_file is not None
    )


def _configuration(inbound: InboundSettings) -> Any:
    certificate, key, authorities = inbound.tls_certificate_file, inbound.tls_key_file, inbound.tls_client_ca_file
    if certificate is None or key is None:
        raise ValueError("there is no certificate")
    return grpc.ssl_server_certificate_configuration(
        [(_content(key), _content(certificate))], _content(authorities) if authorities else None
    )


def _content(file: Path) -> bytes:
    return file.read_bytes()
