"""compose.yaml without Docker: read by the specification's own reader, what it names is there and fits, its programs run as processes."""

import asyncio
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from kcproxy import catalog
from kcproxy.settings.load import load
from kcproxy.simulator import SimulatedKeycloak
from tests.deploy.composed import FILE, ROOT, composed, mounts, services
from tools.deploy.modules import compose_reader

VOLUMES = {"proxy-secrets", "caller-secrets"}
SETTINGS = ROOT / "deploy" / "compose" / "kcproxy" / "kcproxy.toml"


@pytest.mark.skipif(compose_reader() is None, reason="the reader of the Compose specification cannot be had (no Go, or no network)")
def test_the_specifications_own_reader_takes_it() -> None:
    done = subprocess.run([str(compose_reader()), "-format", "json", str(FILE)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["services"].keys() == services().keys()


@pytest.mark.skipif(compose_reader() is None, reason="the reader of the Compose specification cannot be had (no Go, or no network)")
@pytest.mark.parametrize(("before", "after"), [("healthcheck:", "healthchek:"), ("cap_drop: [ALL]", "cap_drop: ALL")])
def test_the_reader_does_refuse_a_misspelt_name(tmp_path: Path, before: str, after: str) -> None:
    (tmp_path / "compose.yaml").write_text(FILE.read_text().replace(before, after))
    command = [str(compose_reader()), str(tmp_path / "compose.yaml")]
    assert subprocess.run(command, capture_output=True, timeout=60, check=False).returncode != 0


def test_every_folder_that_is_mounted_is_there_and_every_mount_of_one_is_read_only() -> None:
    for name, service in services().items():
        for text in service.get("volumes", []):
            source, _, *mode = text.split(":")
            if source in VOLUMES:
                assert name == "setup" or mode == ["ro"]
                continue
            assert (ROOT / source).is_dir(), source
            assert mode == ["ro"]


def test_every_port_is_open_on_this_machine_only() -> None:
    published = [port for service in services().values() for port in service.get("ports", [])]
    assert published
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []


def test_the_administrators_password_reaches_keycloak_and_the_set_up_alone() -> None:
    knowing = {name for name, service in services().items() if "PASSWORD" in json.dumps(service)}
    assert knowing == {"keycloak", "setup"}
    assert services()["setup"]["depends_on"] == {"keycloak": {"condition": "service_healthy"}}


@pytest.mark.parametrize("name", ["setup", "kcproxy", "caller"])
def test_our_own_containers_may_do_nothing_that_they_need_not(name: str) -> None:
    service = services()[name]
    assert (service["read_only"], service["cap_drop"], service["security_opt"]) == (True, ["ALL"], ["no-new-privileges:true"])
    assert service.get("cap_add", []) == (["CHOWN"] if name == "setup" else [])


def test_every_service_that_others_wait_for_has_a_health_check() -> None:
    image_has_one = {"kcproxy"}
    for service in services().values():
        for name, awaited in service.get("depends_on", {}).items():
            if awaited["condition"] == "service_healthy":
                assert "healthcheck" in services()[name] or name in image_has_one


def test_everything_that_is_referred_to_is_there() -> None:
    document = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    assert {name for service in services().values() for name in service.get("depends_on", {})} <= services().keys()
    assert document["volumes"].keys() == VOLUMES
    programs = [word for service in services().values() for word in service.get("entrypoint", []) if word.endswith(".py")]
    assert [
        ROOT / "deploy" / "compose" / word.lstrip("/")
        for word in programs
        if not (ROOT / "deploy" / "compose" / word.lstrip("/")).is_file()
    ] == []


@pytest.mark.parametrize(("status", "healthy"), [("200 OK", True), ("503 Service Unavailable", False)])
async def test_keycloaks_health_check_tells_ready_from_not_ready(status: str, *, healthy: bool) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readline()).decode())
        writer.write(f"HTTP/1.0 {status}\r\ncontent-length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    asked: list[str] = []
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        _, *command = services()["keycloak"]["healthcheck"]["test"]
        here = [word.replace("/9000", f"/{server.sockets[0].getsockname()[1]}") for word in command]
        process = await asyncio.create_subprocess_exec(*here, stderr=asyncio.subprocess.DEVNULL)
        assert (await asyncio.wait_for(process.wait(), 10) == 0) is healthy
    assert asked == ["GET /health/ready HTTP/1.0\r\n"]


def test_the_settings_agree_with_the_ports_and_the_mounts(tmp_path: Path) -> None:
    service, text = services()["kcproxy"], SETTINGS.read_text(encoding="utf-8")
    inside = mounts(service)
    for file in re.findall(r'_file = "(.*)"', text):
        assert inside[str(Path(file).parent)] == "proxy-secrets"
        (tmp_path / Path(file).name).write_text(f'[[keys]]\nname = "caller"\nsha256 = "{"0" * 64}"\n')
        text = text.replace(file, str(tmp_path / Path(file).name))
    (tmp_path / "kcproxy.toml").write_text(text)
    settings = load(tmp_path / "kcproxy.toml", {}, {})
    ports = {port.split(":")[2] for port in service["ports"]}
    assert {str(settings.listen.port), str(settings.admin_listen.port)} == ports
    assert inside["/etc/kcproxy"] == "./deploy/compose/kcproxy"  # the image's CMD reads /etc/kcproxy/kcproxy.toml
    assert settings.upstream.url == services()["setup"]["environment"]["KEYCLOAK_URL"]
    assert settings.explain.keycloak_version == services()["keycloak"]["image"].rpartition(":")[2]


def test_prometheus_scrapes_the_admin_port_and_has_the_rules() -> None:
    document = yaml.safe_load((ROOT / "deploy" / "compose" / "prometheus" / "prometheus.yaml").read_text(encoding="utf-8"))
    (job,) = document["scrape_configs"]
    port = load(None, {"KCPROXY_UPSTREAM": "http://x", "KCPROXY_ADMIN_LISTEN": "0.0.0.0:9180"}, {}).admin_listen.port
    assert job["static_configs"] == [{"targets": [f"kcproxy:{port}"]}]
    inside = mounts(services()["prometheus"])
    (rules,) = document["rule_files"]
    assert list((ROOT / inside[str(Path(rules).parent)]).glob(Path(rules).name))


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_prometheus_takes_its_configuration(tmp_path: Path) -> None:
    text = (ROOT / "deploy" / "compose" / "prometheus" / "prometheus.yaml").read_text(encoding="utf-8")
    (tmp_path / "prometheus.yaml").write_text(text.replace("/etc/prometheus-rules", str(ROOT / "prometheus" / "rules")))
    done = subprocess.run(
        ["promtool", "check", "config", str(tmp_path / "prometheus.yaml")], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_dashboard_is_provisioned_on_the_data_source_that_is() -> None:
    inside = mounts(services()["grafana"])
    (provider,) = _yaml(inside["/etc/grafana/provisioning/dashboards"], "kcproxy.yaml")["providers"]
    assert inside[provider["options"]["path"]] == "./grafana/dashboards"
    assert len(list((ROOT / "grafana" / "dashboards").glob("*.json"))) >= 4
    (source,) = _yaml(inside["/etc/grafana/provisioning/datasources"], "prometheus.yaml")["datasources"]
    (plain,) = _yaml("grafana/provisioning/datasources", "prometheus.yaml")["datasources"]
    assert (source["uid"], source["type"]) == (plain["uid"], plain["type"])
    assert source["url"] == "http://prometheus:9090"


def _yaml(folder: str, name: str) -> Any:
    return yaml.safe_load((ROOT / folder / name).read_text(encoding="utf-8"))


async def test_its_programs_show_an_allowed_call_and_two_explained_refusals(tmp_path: Path) -> None:
    async with SimulatedKeycloak(catalog.load(catalog.default_version())) as keycloak:
        await check_the_story(tmp_path, keycloak.url)


async def check_the_story(folder: Path, keycloak: str) -> None:
    """Set up, serve, call: what `docker compose up` shows."""
    running = composed(folder, keycloak)
    assert (await running.setup(password="wrong"))[0] != 0
    for _ in range(2):  # a second `up` finds everything there already
        code, said = await running.setup()
        assert code == 0, said
    secrets = secrets_in(folder)
    assert {file.stat().st_mode & 0o777 for file in secrets} == {0o400}
    async with running.serving():
        allowed, *refused = await running.call(1)
        assert allowed == "GET /users?max=5 200"
        assert "manage-users" in refused[0]
        assert "view-clients" in refused[1]
        assert [line.split()[2] for line in refused] == ["403", "403"]
        assert (await running.admin("/readyz"))[0] == 200
        assert "kcproxy_denials_total{" in (await running.admin("/metrics"))[1]
    told = said + (folder / "log").read_text() + allowed + "".join(refused)
    assert [file.name for file, secret in secrets.items() if secret in told] == []


def secrets_in(folder: Path) -> dict[Path, str]:
    """Secrets that must never be printed: every file of the volumes except the one with hashes."""
    return {file: file.read_text() for file in folder.glob("*/*") if file.name != "api-keys.toml"}
