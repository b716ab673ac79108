"""Three instances of kcproxy as processes, and the Prometheus that scrapes them."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from devkit.ports import free_port

ROOT = Path(__file__).parents[3]
SCRAPE_SECONDS = 1
ACCOUNTS = (("shop", "billing"), ("crm", "billing"))
_ACCOUNT = """
[[accounts]]
realm = "{realm}"
client_id = "{client}"
client_secret_file = "{folder}/{realm}-{client}"
"""
_OBSERVED = 'operations = ["GET /admin/realms/{realm}/users"]\nmode = "observe"\n'
_CONFIG = """
listen = "127.0.0.1:{port}"
admin_listen = "{name}"
instance = "proxy-{number}"
drain_seconds = 2
[upstream]
url = "{upstream}"
response_timeout_seconds = 5
[inspector]
realm = "shop"
client_id = "inspector"
client_secret_file = "{folder}/shop-inspector"
[metrics]
clients = true
[history]
path = "{folder}/history-{number}.sqlite"
"""


@dataclass(slots=True, kw_only=True)
class Instance:
    """One proxy. ``name`` is the address of its admin port, which is Prometheus' label ``instance``."""

    name: str
    url: str
    config: Path
    log: Path
    process: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0

    async def start(self, session: aiohttp.ClientSession) -> None:
        """Start it, and wait until it is ready."""
        await asyncio.to_thread(self._start)
        await _ready(session, f"http://{self.name}/readyz")

    def _start(self) -> None:
        command = [sys.executable, "-m", "kcproxy", "serve", "--config", str(self.config)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("KCPROXY_", "OTEL_"))}
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment, cwd=ROOT)
        self.started_at = time.time()

    def measured(self) -> tuple[int, int]:
        """Resident memory in bytes and open files of the process, according to the kernel."""
        process = Path(f"/proc/{self.process.pid}") if self.process is not None else Path("/proc/self")
        pages = int((process / "statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE"), sum(1 for _ in (process / "fd").iterdir())

    async def stop(self) -> None:
        """End it as an orchestrator does."""
        if self.process is not None:
            await asyncio.to_thread(_ended, self.process)
            self.process = None


def fleet(upstream: str, folder: Path, count: int = 3) -> Sequence[Instance]:
    """The instances, with their configuration written; none is started."""
    made = []
    for number in range(1, count + 1):
        port, name = free_port(), f"127.0.0.1:{free_port()}"
        config = folder / f"kcproxy-{number}.toml"
        text = _CONFIG.format(port=port, name=name, number=number, upstream=upstream, folder=folder)
        for realm, client in ACCOUNTS:
            text += _ACCOUNT.format(realm=realm, client=client, folder=folder) + (_OBSERVED if realm == "crm" else "")
        config.write_text(text)
        made.append(Instance(name=name, url=f"http://127.0.0.1:{port}", config=config, log=folder / f"kcproxy-{number}.log"))
    return made


@contextmanager
def prometheus(targets: Sequence[str], folder: Path) -> Iterator[str]:
    """A Prometheus that scrapes the targets every second; its address."""
    port, config = free_port(), folder / "prometheus.yaml"
    listed = ", ".join(f"'{target}'" for target in targets)
    config.write_text(
        f"global: {{scrape_interval: {SCRAPE_SECONDS}s}}\nscrape_configs: [{{job_name: kcproxy, static_configs: [{{targets: [{listed}]}}]}}]\n"
    )
    storage = [f"--storage.tsdb.path={folder / 'tsdb'}", f"--config.file={config}"]
    command = ["prometheus", *storage, f"--web.listen-address=127.0.0.1:{port}", "--enable-feature=exemplar-storage", "--log.level=warn"]
    with (folder / "prometheus.log").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        _ended(process)


async def scraped(session: aiohttp.ClientSession, prometheus_url: str, count: int) -> None:
    """Wait until Prometheus has scraped as many targets. It reads its targets only some seconds after its start."""
    ends_at = time.monotonic() + 60
    while time.monotonic() < ends_at:
        try:
            async with session.get(f"{prometheus_url}/api/v1/query", params={"query": "count(up == 1)"}) as response:
                if [float(found["value"][1]) for found in (await response.json())["data"]["result"]] == [count]:
                    return
        except aiohttp.ClientConnectionError:
            pass  # not yet listening
        await asyncio.sleep(0.1)
    raise TimeoutError(f"{prometheus_url} has not scraped {count} targets")


async def _ready(session: aiohttp.ClientSession, url: str) -> None:
    ends_at = time.monotonic() + 60
    while time.monotonic() < ends_at:
        try:
            async with session.get(url) as answer:
                if answer.status == 200:
                    return
        except aiohttp.ClientError:
            pass  # not yet listening
        await asyncio.sleep(0.05)
    raise TimeoutError(f"{url} is not ready")


def _ended(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
