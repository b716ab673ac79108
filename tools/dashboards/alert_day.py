"""A scripted day for the alerts, in a real Prometheus and a real Alertmanager, sixty times as fast: a minute takes a second.

    python -m tools.dashboards.alert_day        writes docs/alerts.md from what Alertmanager sent

Each alert has a job of its own, whose metrics are played: quiet, then the event, then quiet again. One job is replaced instance by instance and
must stay quiet. Needs the Debian packages ``prometheus`` and ``prometheus-alertmanager``.
"""

import asyncio
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web

from devkit.ports import free_port
from tools.dashboards.alert_script import JOBS, ROLLING, Sample

ROOT = Path(__file__).parents[2]
RULES = ROOT / "prometheus" / "rules" / "kcproxy.yaml"
ALERTMANAGER = ROOT / "prometheus" / "alertmanager.yaml"
DOCUMENT = ROOT / "docs" / "alerts.md"
FASTER = 60
DAY_SECONDS = 130
YESTERDAY_SECONDS = 26 * 60
INSTANCE = "10.0.0.7:9180"
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"\b(\d+)([smhd])\b")
_SECONDS_AGO = re.compile(r"time\(\) - (\d+)")


@dataclass(slots=True)
class Day:
    """What was seen: by job, the alerts that Alertmanager announced and ended, and those that it inhibited; the first message of each alert."""

    fired: set[tuple[str, str]] = field(default_factory=set)
    ended: set[tuple[str, str]] = field(default_factory=set)
    inhibited: set[tuple[str, str]] = field(default_factory=set)
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)

    def notified(self, message: Mapping[str, Any]) -> None:
        """Alertmanager has sent a notification."""
        for alert in message["alerts"]:
            key = alert["labels"]["job"], alert["labels"]["alertname"]
            if alert["status"] == "firing":
                self.fired.add(key)
                self.messages.setdefault(key[1], alert)
            else:
                self.ended.add(key)


def programs() -> tuple[str, str] | None:
    """Prometheus and Alertmanager; None if one is not installed."""
    prometheus, alertmanager = shutil.which("prometheus"), shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    return (prometheus, alertmanager) if prometheus and alertmanager else None


def faster(rules: str) -> str:
    """The rules with all durations divided by sixty."""

    def divided(match: re.Match[str]) -> str:
        return f"{int(match[1]) * _UNITS[match[2]] * 1000 // FASTER}ms"

    lines = (_DURATION.sub(divided, line) if "summary" not in line and "description" not in line else line for line in rules.splitlines())
    return _SECONDS_AGO.sub(lambda match: f"time() - {int(match[1]) / FASTER:g}", "\n".join(lines))


def text_of(samples: Sequence[Sample], more: str = "", at: float | None = None) -> str:
    """Samples in Prometheus' text format."""
    stamp = "" if at is None else f" {at:.3f}"
    lines = []
    for name, labels, value in samples:
        named = ",".join([*(f'{key}="{text}"' for key, text in labels.items()), *([more] if more else [])])
        lines.append(f"{name}{{{named}}} {value!r}{stamp}\n")
    return "".join(lines)


async def play(folder: Path) -> Day:
    """Play the day. Everything that is started ends with it."""
    found = programs()
    if found is None:
        raise SystemExit("prometheus and prometheus-alertmanager are needed (Debian packages of these names)")
    day, began = Day(), time.time() + 12  # Prometheus and Alertmanager start first
    port, am_port, prometheus_port = free_port(), free_port(), free_port()
    runner = await _serve(day, port, began)
    folder.joinpath("rules.yaml").write_text(faster(RULES.read_text(encoding="utf-8")))
    folder.joinpath("prometheus.yaml").write_text(yaml.safe_dump(_prometheus(folder, port, am_port)))
    folder.joinpath("alertmanager.yaml").write_text(yaml.safe_dump(_alertmanager(port)))
    _yesterday(folder, began)
    try:
        with ExitStack() as running:
            running.enter_context(_running(_alertmanager_command(found[1], folder, am_port), folder / "alertmanager.log"))
            running.enter_context(_running(_prometheus_command(found[0], folder, prometheus_port), folder / "prometheus.log"))
            await _watch(day, am_port, began + DAY_SECONDS)
    finally:
        await runner.cleanup()
    return day


async def _serve(day: Day, port: int, began: float) -> web.AppRunner:
    async def metrics(request: web.Request) -> web.Response:
        samples = JOBS[request.match_info["job"]](time.time() - began, time.time())
        return web.Response(status=500) if samples is None else web.Response(text=text_of(samples))

    async def notified(request: web.Request) -> web.Response:
        day.notified(await request.json())
        return web.Response()

    app = web.Application()
    app.router.add_get("/metrics/{job}", metrics)
    app.router.add_post("/notified", notified)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return runner


async def _watch(day: Day, am_port: int, ends_at: float) -> None:
    async with aiohttp.ClientSession() as session:
        while time.time() < ends_at:
            await asyncio.sleep(1)
            try:
                async with session.get(f"http://127.0.0.1:{am_port}/api/v2/alerts?inhibited=true") as answer:
                    alerts = await answer.json()
            except aiohttp.ClientError:  # it has not started yet
                continue
            day.inhibited |= {(alert["labels"]["job"], alert["labels"]["alertname"]) for alert in alerts if alert["status"]["inhibitedBy"]}


def _prometheus(folder: Path, port: int, am_port: int) -> dict[str, Any]:
    scrapes = [
        {
            "job_name": job,
            "metrics_path": f"/metrics/{job}",
            "static_configs": [{"targets": [f"127.0.0.1:{port}"], "labels": {"instance": INSTANCE}}],
        }
        for job in JOBS
    ]
    return {
        "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"},
        "rule_files": [str(folder / "rules.yaml")],
        "scrape_configs": scrapes,
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{am_port}"]}]}]},
    }


def _alertmanager(port: int) -> dict[str, Any]:
    """The example of the project with short times, and receivers that are this program."""
    config: dict[str, Any] = yaml.safe_load(ALERTMANAGER.read_text(encoding="utf-8"))
    config["route"] |= {"group_wait": "1s", "group_interval": "1s"}
    hook = {"webhook_configs": [{"url": f"http://127.0.0.1:{port}/notified", "send_resolved": True}]}
    config["receivers"] = [receiver | hook for receiver in config["receivers"]]
    return config


def _yesterday(folder: Path, began: float) -> None:
    """Write the day before into Prometheus' storage: every job runs, and nothing is refused."""
    text = ["# TYPE kcproxy_ready gauge\n"]
    stamps = [began - YESTERDAY_SECONDS + step for step in range(0, YESTERDAY_SECONDS - 15, 2)]
    for job in JOBS:
        text += [text_of([("kcproxy_ready", {}, 1.0)], f'job="{job}",instance="{INSTANCE}"', at) for at in stamps]
    folder.joinpath("yesterday.txt").write_text("".join(text) + "# EOF\n")
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(folder / "yesterday.txt"), str(folder / "tsdb")]
    subprocess.run(command, check=True, capture_output=True)


def _prometheus_command(program: str, folder: Path, port: int) -> list[str]:
    storage = [f"--storage.tsdb.path={folder / 'tsdb'}", f"--config.file={folder / 'prometheus.yaml'}"]
    return [program, *storage, f"--web.listen-address=127.0.0.1:{port}", "--rules.alert.resend-delay=1s", "--log.level=warn"]


def _alertmanager_command(program: str, folder: Path, port: int) -> list[str]:
    storage = [f"--storage.path={folder / 'alertmanager'}", f"--config.file={folder / 'alertmanager.yaml'}"]
    return [program, *storage, f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=", "--log.level=warn"]


@contextmanager
def _running(command: Sequence[str], log: Path) -> Iterator[None]:
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as process:
        try:
            yield
        finally:
            process.terminate()


def document(day: Day) -> str:
    """The page with the message of each alert."""
    lines = [
        "# The alerts and their messages",
        "",
        "Each alert as Alertmanager sent it on a scripted day (`python -m tools.dashboards.alert_day`), with a real Prometheus and a real",
        "Alertmanager. Names, times and numbers are those of that day. The rules: [prometheus/rules](../prometheus/rules); the inhibition rules and an",
        "example of a configuration: [prometheus/alertmanager.yaml](../prometheus/alertmanager.yaml).",
    ]
    for name, alert in sorted(day.messages.items()):
        notes = alert["annotations"]
        lines += [
            "",
            f"## {name}",
            "",
            f"**{alert['labels']['severity']}**: {_plain(notes['summary'])}",
            "",
            _plain(notes["description"]),
            "",
        ]
        lines += [f"[Runbook](runbooks/{name}.md) · dashboard: `{notes['dashboard_url']}`"]
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """One line, without characters that mean something in Markdown."""
    return " ".join(text.split()).replace("{", "&#123;").replace("*", "\\*")


def missing(day: Day) -> list[str]:
    """What did not happen as it should, in words."""
    names = {rule["alert"] for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]}
    fired, ended = ({name for _, name in seen} for seen in (day.fired, day.ended))
    problems = [f"{name} was not announced" for name in sorted(names - fired)] + [f"{name} did not end" for name in sorted(names - ended)]
    problems += [f"{name} fired for {ROLLING}" for job, name in sorted(day.fired) if job == ROLLING]
    if ("kcproxy-upstream", "KcproxyTokenRefreshFailing") not in day.inhibited - day.fired:
        problems.append("KcproxyTokenRefreshFailing was not inhibited by KcproxyUpstreamDown")
    return problems


def main() -> int:
    """0 if every alert fired and ended, and none fired in the rolling restart."""
    with tempfile.TemporaryDirectory() as folder:
        day = asyncio.run(play(Path(folder)))
    problems = missing(day)
    for problem in problems:
        print(problem)
    if not problems:
        DOCUMENT.write_text(document(day), encoding="utf-8")
        print(DOCUMENT)
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
