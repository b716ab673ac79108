"""Several processes on one port: what they count and see adds up, and they live and end together."""

import asyncio
import json
import os
import re
import signal
from pathlib import Path

from devkit.servers import FORBIDDEN, OK, RecordingUpstream, read_response
from kcproxy.model import Caller, CallerKind
from kcproxy.observe.metrics_merge import merged
from kcproxy.process.ipc import packed, unpacked
from tests.process.test_serve import Served, served, under_load

WORKERS = "workers = 3\n"


async def ask(running: Served, target: str) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer x.y.z\r\nConnection: close\r\n\r\n".encode())
    answer = await asyncio.wait_for(read_response(reader), 10)
    writer.close()
    return answer.status


async def all_ready(running: Served, workers: int = 3) -> None:
    await running.logged("listening", workers)
    async with asyncio.timeout(20):
        while (await running.admin("/readyz"))[0] != 200:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)


def process_ids(running: Served) -> set[int]:
    """The workers: children of the started process."""
    children = Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children").read_text()
    return {int(number) for number in children.split()}


async def test_requests_denials_and_metrics_add_up(upstream: RecordingUpstream, tmp_path: Path) -> None:
    upstream.react = lambda request: FORBIDDEN if b"users" in request.target else OK
    async with served(upstream, tmp_path, WORKERS) as running:
        await all_ready(running)
        assert len(process_ids(running)) == 3
        statuses = [await ask(running, target) for target in ["/admin/realms/demo/users"] * 20 + ["/realms/demo/account"] * 40]
        assert statuses == [403] * 20 + [200] * 40
        await asyncio.sleep(0.2)
        metrics = (await running.admin("/metrics"))[1]
        totals = re.findall(r"^kcproxy_requests_total\{(.*)\} (.*)$", metrics, re.MULTILINE)
        assert sum(float(value) for labels, value in totals if 'code="200"' in labels) == 40
        assert sum(float(value) for labels, value in totals if 'code="403"' in labels) == 20
        assert len(re.findall(r"^# TYPE kcproxy_requests_total ", metrics, re.MULTILINE)) == 1
        assert "\nkcproxy_ready 1.0\n" in metrics
        listed = json.loads((await running.admin("/api/denials"))[1])
        assert listed["stored"] >= 1
        assert sum(group["count"] for group in listed["denials"]) == 20
        running.process.send_signal(signal.SIGTERM)
        assert await running.ended() == 0


async def test_a_worker_that_does_not_answer_takes_nothing_off_the_counts(upstream: RecordingUpstream, tmp_path: Path) -> None:
    upstream.react = lambda _: OK
    async with served(upstream, tmp_path, WORKERS) as running:
        await all_ready(running)
        for _ in range(30):
            await ask(running, "/realms/demo/account")
        assert requests_in((await running.admin("/metrics"))[1]) == 30
        stopped = sorted(process_ids(running))
        for worker in stopped:
            os.kill(worker, signal.SIGSTOP)
        try:
            assert requests_in((await running.admin("/metrics"))[1]) == 30
        finally:
            for worker in stopped:
                os.kill(worker, signal.SIGCONT)
        running.process.send_signal(signal.SIGTERM)
        assert await running.ended() == 0


def requests_in(page: str) -> float:
    return sum(float(number) for number in re.findall(r"^kcproxy_requests_total\{.*\} (.*)$", page, re.MULTILINE))


async def test_sigterm_and_reload_under_load_lose_no_request(upstream: RecordingUpstream, tmp_path: Path) -> None:
    async with served(upstream, tmp_path, WORKERS) as running:
        await all_ready(running)

        async def reload_and_terminate() -> None:
            running.process.send_signal(signal.SIGHUP)
            await running.logged("reloaded", 3)
            running.process.send_signal(signal.SIGTERM)
            assert await running.ended() == 0

        tally = await under_load(running, upstream, reload_and_terminate)
        assert tally.lost == 0
        assert tally.good == len(upstream.requests) > 50


async def test_workers_report_a_changed_history_as_needing_a_restart(upstream: RecordingUpstream, tmp_path: Path) -> None:
    async with served(upstream, tmp_path, WORKERS, tail=f'[history]\npath = "{tmp_path}/history"\n') as running:
        await all_ready(running)
        running.process.send_signal(signal.SIGHUP)
        await running.logged("reloaded", 3)
        assert [event["needs_restart"] for event in running.events("reloaded")] == [[]] * 3
        running.config.write_text(running.config.read_text().replace("/history", "/other"))
        await running.logged("reloaded", 6)
        assert [event["needs_restart"] for event in running.events("reloaded")[3:]] == [["history.path"]] * 3


async def test_a_worker_that_dies_ends_all_with_an_error(upstream: RecordingUpstream, tmp_path: Path) -> None:
    async with served(upstream, tmp_path, WORKERS) as running:
        await all_ready(running)
        workers = process_ids(running)
        os.kill(next(iter(workers)), signal.SIGKILL)
        assert await running.ended() != 0
        assert (await running.logged("worker_ended"))["exit_code"] == signal.SIGKILL
        assert not any(_alive(worker) for worker in workers)


async def test_workers_end_when_their_supervisor_is_killed(upstream: RecordingUpstream, tmp_path: Path) -> None:
    async with served(upstream, tmp_path, WORKERS) as running:
        await all_ready(running)
        workers = process_ids(running)
        running.process.kill()
        await running.ended()
        async with asyncio.timeout(15):
            while any(_alive(worker) for worker in workers):  # noqa: ASYNC110 - other processes
                await asyncio.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_pages_of_several_workers_become_one() -> None:
    one = (
        "# HELP a_total Help.\n# TYPE a_total counter\n"
        'a_total{x="1"} 2.0\n# HELP kcproxy_ready R.\n# TYPE kcproxy_ready gauge\nkcproxy_ready 1.0\n'
        "# HELP kcproxy_config_last_reload_successful C.\n# TYPE kcproxy_config_last_reload_successful gauge\n"
        "kcproxy_config_last_reload_successful 1.0\n"
        "# HELP h H.\n# TYPE h histogram\n"
        'h_bucket{le="1.0"} 1.0\nh_bucket{le="+Inf"} 2.0\nh_count 2.0\nh_sum 0.5\n'
        "# HELP kcproxy_token_fetched_timestamp_seconds T.\n# TYPE kcproxy_token_fetched_timestamp_seconds gauge\nkcproxy_token_fetched_timestamp_seconds 5.5\n"
    )
    other = (
        one.replace("kcproxy_ready 1.0", "kcproxy_ready 0.0")
        .replace("reload_successful 1.0", "reload_successful 0.0")
        .replace("seconds 5.5", "seconds 7.5")
        .replace('a_total{x="1"} 2.0', 'a_total{x="1"} 3.0\na_total{x="2"} 1.0')
    )
    assert merged(one, [other, other]) == (
        "# HELP a_total Help.\n# TYPE a_total counter\n"
        'a_total{x="1"} 8.0\na_total{x="2"} 2.0\n# HELP kcproxy_ready R.\n# TYPE kcproxy_ready gauge\nkcproxy_ready 1.0\n'
        "# HELP kcproxy_config_last_reload_successful C.\n# TYPE kcproxy_config_last_reload_successful gauge\n"
        "kcproxy_config_last_reload_successful 0.0\n"
        "# HELP h H.\n# TYPE h histogram\n"
        'h_bucket{le="1.0"} 3.0\nh_bucket{le="+Inf"} 6.0\nh_count 6.0\nh_sum 1.5\n'
        "# HELP kcproxy_token_fetched_timestamp_seconds T.\n# TYPE kcproxy_token_fetched_timestamp_seconds gauge\nkcproxy_token_fetched_timestamp_seconds 7.5\n"
    )


def test_values_with_read_only_mappings_cross_between_processes() -> None:
    caller = Caller(kind=CallerKind.USER, username="marie")
    assert unpacked(packed(caller)) == caller
