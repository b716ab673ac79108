"""A port of its own for probes and scrapes: it shows health and metrics to other machines, and nothing of requests."""

from pathlib import Path

import aiohttp
import pytest

from devkit.ports import free_port
from devkit.servers import FORBIDDEN, OK, RecordingUpstream
from tests.process.test_serve import served
from tests.process.test_workers import ask, requests_in

POD = "10.1.2.3"


async def answer_of(port: int, path: str, host: str) -> tuple[int, str]:
    async with aiohttp.ClientSession(headers={"Host": host}) as http, http.get(f"http://127.0.0.1:{port}{path}") as answer:
        return answer.status, await answer.text()


@pytest.mark.parametrize("workers", [1, 2])
async def test_probes_and_scrapes_reach_it_and_the_page_stays_on_loopback(
    workers: int, upstream: RecordingUpstream, tmp_path: Path
) -> None:
    upstream.react = lambda request: FORBIDDEN if b"users" in request.target else OK
    port = free_port()
    async with served(upstream, tmp_path, f'workers = {workers}\nmetrics_listen = "0.0.0.0:{port}"\n') as running:
        await running.logged("listening", workers)
        await ask(running, "/admin/realms/demo/users")
        for path in ("/healthz", "/readyz", "/metrics"):
            assert (await answer_of(port, path, f"{POD}:{port}"))[0] == 200, path
        assert requests_in((await answer_of(port, "/metrics", POD))[1]) == 1
        for path in ("/", "/api/denials", "/explain", "/roles", "/login", "/events"):
            assert (await answer_of(port, path, "localhost"))[0] == 404, path
        # What kubectl port-forward does: it connects to loopback inside the pod, and the browser says localhost.
        status, page = await answer_of(running.admin_port, "/", f"localhost:{running.admin_port}")
        assert status == 200
        assert "/admin/realms/" in page
        assert "admin_listen" not in page


async def test_on_loopback_it_refuses_the_names_of_web_pages(upstream: RecordingUpstream, tmp_path: Path) -> None:
    port = free_port()
    async with served(upstream, tmp_path, f'metrics_listen = "127.0.0.1:{port}"\n'):
        assert (await answer_of(port, "/metrics", "rebound.example"))[0] == 403
        assert (await answer_of(port, "/metrics", "localhost"))[0] == 200
        assert (await answer_of(port, "/healthz", "rebound.example"))[0] == 200


async def test_several_workers_refuse_the_names_of_web_pages_for_metrics(upstream: RecordingUpstream, tmp_path: Path) -> None:
    async with served(upstream, tmp_path, "workers = 2\n") as running:
        await running.logged("listening", 2)
        assert (await answer_of(running.admin_port, "/metrics", "rebound.example"))[0] == 403


async def test_its_connections_are_counted_apart_from_those_of_the_page(upstream: RecordingUpstream, tmp_path: Path) -> None:
    port = free_port()
    async with served(upstream, tmp_path, f'metrics_listen = "127.0.0.1:{port}"\n'):
        metrics = (await answer_of(port, "/metrics", "localhost"))[1]
        assert 'listener="metrics_listen"' in metrics
        assert 'listener="admin_listen"' in metrics
