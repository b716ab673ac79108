"""A pod of the manifests as processes on loopback, handled as the kubelet does: order, probes, volumes that are swapped, the end.

What a cluster would give (addresses, mount paths, Keycloak) is put in its place; commands, probes, hooks and their times are the manifest's own.
"""

import asyncio
import http.client
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from devkit.ports import free_port
from tests.deploy.mounted import Mounted
from tools.deploy.kustomize import render

KUBERNETES = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes"
APPLICATION = Path(__file__).with_name("application.py")
PROGRAM = "kcproxy"
GRACE_SECONDS = 30
"""The pod's ``terminationGracePeriodSeconds`` where the manifest names none."""

SERVICE_LINKS = {
    "KCPROXY_SERVICE_HOST": "10.96.0.7",
    "KCPROXY_SERVICE_PORT": "8180",
    "KCPROXY_SERVICE_PORT_HTTP": "8180",
    "KCPROXY_PORT": "tcp://10.96.0.7:8180",
    "KCPROXY_PORT_8180_TCP": "tcp://10.96.0.7:8180",
    "KCPROXY_PORT_8180_TCP_PROTO": "tcp",
    "KCPROXY_PORT_8180_TCP_PORT": "8180",
    "KCPROXY_PORT_8180_TCP_ADDR": "10.96.0.7",
}
"""What the kubelet adds to every container of a namespace with a Service ``kcproxy``, unless the pod switches it off."""


class NeverStarted(Exception):
    """The startup probe did not succeed within its time: the kubelet starts no further container."""


@dataclass(slots=True)
class Container:
    """One container: its part of the manifest, and its process once it is started."""

    spec: Mapping[str, Any]
    log: Path
    process: asyncio.subprocess.Process | None = None

    @property
    def name(self) -> str:
        """As in the manifest."""
        return str(self.spec["name"])

    @property
    def running(self) -> bool:
        """Whether its process is there."""
        return self.process is not None and self.process.returncode is None

    def events(self, name: str) -> list[dict[str, Any]]:
        """The log's lines of one event."""
        lines = (json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines() if line.startswith("{"))
        return [line for line in lines if line["event"] == name]


@dataclass(slots=True, kw_only=True)
class Pod:
    """A pod of one shape, in a folder."""

    folder: Path
    realm: str
    spec: Mapping[str, Any]
    settings: Mounted
    secret: Mounted
    token: Mounted
    ports: Mapping[int, int]
    farewell_seconds: float
    containers: dict[str, Container] = field(default_factory=dict)
    journal: list[str] = field(default_factory=list)
    """What the kubelet did, in order."""

    @property
    def sidecar(self) -> Container:
        """kcproxy's container."""
        return self.containers[PROGRAM]

    @property
    def notes(self) -> list[tuple[str, str]]:
        """Phase and result of every call of the application."""
        file = self.folder / "notes"
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        return [(phase, result) for phase, _, result in (line.partition(" ") for line in lines)]

    async def start(self) -> None:
        """Sidecars among the init containers first, each until its startup probe has succeeded; then all containers. NeverStarted."""
        for spec in self.spec.get("initContainers", []):
            assert spec["restartPolicy"] == "Always"
            container = await self._start(spec)
            await self._started(container)
        for spec in self.spec["containers"]:
            await self._start(spec)

    async def end(self) -> None:
        """As the kubelet ends a pod: all containers at once, each after its preStop hook; sidecars after all of them, in reverse order."""
        grace = self.spec.get("terminationGracePeriodSeconds", GRACE_SECONDS)
        async with asyncio.timeout(grace):
            await asyncio.gather(*(self._end(self.containers[spec["name"]]) for spec in self.spec["containers"]))
            for spec in reversed(self.spec.get("initContainers", [])):
                await self._end(self.containers[spec["name"]])

    async def probe(self, name: str) -> bool:
        """One execution of a probe of the sidecar."""
        get = self.sidecar.spec[name]["httpGet"]
        port = next(p["containerPort"] for p in self.sidecar.spec["ports"] if p["name"] == get["port"])
        return await asyncio.to_thread(_succeeds, self.ports[port], get["path"])

    async def called(self, more: int) -> None:
        """Wait until the application has made so many more calls."""
        wanted = len(self.notes) + more
        async with asyncio.timeout(60):
            while len(self.notes) < wanted:  # noqa: ASYNC110 - a file tells nobody
                await asyncio.sleep(0.02)

    async def logged(self, event: str, count: int = 1) -> None:
        """Wait until the sidecar has logged an event so often."""
        async with asyncio.timeout(30):
            while len(self.sidecar.events(event)) < count:  # noqa: ASYNC110 - a file tells nobody
                await asyncio.sleep(0.05)

    async def kill(self) -> None:
        """End every process that still runs."""
        for container in self.containers.values():
            if container.process is not None and container.running:
                container.process.kill()
                await container.process.wait()

    async def _start(self, spec: Mapping[str, Any]) -> Container:
        container = self.containers[spec["name"]] = Container(spec, self.folder / f"{spec['name']}.log")
        given = {variable["name"]: self._here(variable["value"]) for variable in spec.get("env", [])}
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("KCPROXY_", "KEYCLOAK_"))}
        with container.log.open("wb") as log:
            container.process = await asyncio.create_subprocess_exec(
                sys.executable, *self._command(spec), stdout=log, stderr=log, env={**clean, **SERVICE_LINKS, **given, "REALM": self.realm}
            )
        self.journal.append(f"start {container.name}")
        return container

    def _command(self, spec: Mapping[str, Any]) -> list[str]:
        if spec["name"] == PROGRAM:
            return ["-m", PROGRAM, *(self._here(word) for word in spec["args"])]
        return [str(APPLICATION), str(self.folder / "notes"), str(self.farewell_seconds)]

    def _here(self, text: str) -> str:
        """A text of the manifest with this machine's ports and folders."""
        return placed(text, self.ports, self.folder)

    async def _started(self, container: Container) -> None:
        probe = container.spec["startupProbe"]
        for _ in range(probe["failureThreshold"]):
            await asyncio.sleep(probe["periodSeconds"])
            if not container.running:
                raise NeverStarted(container.log.read_text(encoding="utf-8"))
            if await self.probe("startupProbe"):
                self.journal.append(f"started {container.name}")
                return
        raise NeverStarted("the startup probe did not succeed in its time")

    async def _end(self, container: Container) -> None:
        hook = container.spec.get("lifecycle", {}).get("preStop")
        if hook is not None:
            self.journal.append(f"preStop {container.name}")
            waiting = await asyncio.create_subprocess_exec(*hook["exec"]["command"])
            assert await waiting.wait() == 0
        assert container.process is not None
        assert container.running, f"{container.name} ended by itself"
        self.journal.append(f"SIGTERM {container.name}")
        container.process.terminate()
        assert await container.process.wait() == 0
        self.journal.append(f"ended {container.name}")


@asynccontextmanager
async def pod(
    shape: str,
    folder: Path,
    *,
    keycloak: str,
    realm: str,
    client_id: str = "demo-backend",
    secret: str = "",
    token: str = "",
    farewell_seconds: float = 1.0,
) -> AsyncIterator[Pod]:
    """The pod of an overlay in front of a Keycloak; nothing is started yet, and nothing is left behind."""
    documents = list(yaml.safe_load_all(render(KUBERNETES / shape)))
    spec = next(d for d in documents if d["kind"] == "Deployment")["spec"]["template"]["spec"]
    text = next(d for d in documents if d["kind"] == "ConfigMap")["data"]["kcproxy.toml"]
    ports = {8180: free_port(), 9180: free_port(), 9181: free_port()}
    text = text.replace('realms = ["demo"]', f'realms = ["{realm}"]').replace('client_id = "demo-backend"', f'client_id = "{client_id}"')
    text = f'admin_listen = "127.0.0.1:9180" # the default\n{text.replace("http://keycloak.keycloak.svc:8080", keycloak)}'
    made = Pod(
        folder=folder,
        realm=realm,
        spec=spec,
        settings=Mounted(folder / "etc" / "kcproxy", {"kcproxy.toml": placed(text, ports, folder)}),
        secret=Mounted(folder / "var" / "run" / "secrets" / "kcproxy", {"client-secret": secret} if secret else {}),
        token=Mounted(folder / "var" / "run" / "secrets" / "kcproxy-token", {"token": token} if token else {}),
        ports=ports,
        farewell_seconds=farewell_seconds,
    )
    _check_mounts(spec, made)
    try:
        yield made
    finally:
        await made.kill()


def placed(text: str, ports: Mapping[int, int], folder: Path) -> str:
    """Ports and mount paths of the manifest turned into this machine's. Addresses stay."""
    for inside, here in ports.items():
        text = re.sub(rf"(127\.0\.0\.1|0\.0\.0\.0):{inside}\b", rf"\1:{here}", text)
    return re.sub(r"(?<![\w.])/(etc/kcproxy|var/run/secrets/kcproxy)", rf"{folder}/\1", text)


def _check_mounts(spec: Mapping[str, Any], made: Pod) -> None:
    """The folders that stand for volumes are the very ones that the manifest mounts."""
    (container,) = (c for c in [*spec.get("initContainers", []), *spec["containers"]] if c["name"] == PROGRAM)
    mounted = {made.folder / mount["mountPath"].lstrip("/") for mount in container["volumeMounts"]}
    assert mounted == {made.settings.folder, made.secret.folder, made.token.folder}


def _succeeds(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)  # a probe's default timeoutSeconds
    try:
        connection.request("GET", path)
        return 200 <= connection.getresponse().status < 400
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
