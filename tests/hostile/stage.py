"""A serving process with every output enabled, a Keycloak that refuses most requests, and a trace collector."""

import base64
import hashlib
import http.client
import json
import os
import secrets
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from devkit.ports import free_port
from tests.cli.running import clean_environ

SECONDS = 10
ANSWERS = {"users": 403, "roles": 401, "clients": 404, "groups": 500, "events": 200}


@dataclass(slots=True)
class Planted:
    """Unique secrets by purpose. Finding one in an output is a leak."""

    injected: str = field(default_factory=lambda: "inj" + secrets.token_hex(16))
    client_secret: str = field(default_factory=lambda: "cls" + secrets.token_hex(16))
    api_key: str = field(default_factory=lambda: "key" + secrets.token_hex(16))
    admin_key: str = field(default_factory=lambda: "adm" + secrets.token_hex(16))
    callers: list[str] = field(default_factory=list)

    def another(self) -> str:
        """A secret of a caller."""
        self.callers.append("own" + secrets.token_hex(16))
        return self.callers[-1]

    def found_in(self, text: str | bytes) -> list[str]:
        """The kinds of secrets in a text."""
        whole = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
        own = {"injected": self.injected, "client secret": self.client_secret, "API key": self.api_key, "admin key": self.admin_key}
        known = [*own.items(), *(("a caller's", secret) for secret in self.callers)]
        return [what for what, secret in known if secret.encode() in whole or secret.encode() in _unfolded(whole)]


def _unfolded(whole: bytes) -> bytes:
    """Without what HTML or a terminal may put between the letters of a long word."""
    return whole.replace(b"<wbr>", b"").replace(b"\n", b"").replace(b" ", b"")


def token(signature: str, claims: Any = None, *, algorithm: str = "RS256") -> str:
    """A token that nobody signed: its last part is the secret."""
    head = {"alg": algorithm, "typ": "JWT", "kid": "one"}
    known = {"iss": "http://localhost/realms/demo", "azp": "shop", "preferred_username": "service-account-shop", "exp": 9_999_999_999}
    return f"{_part(head)}.{_part(known if claims is None else claims)}.{signature}"


def _part(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return base64.urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).rstrip(b"=").decode()


@dataclass(slots=True, kw_only=True)
class Stage:
    """The process, its settings, and where its output can be read."""

    process: subprocess.Popen[bytes]
    port: int
    admin_port: int
    folder: Path
    planted: Planted
    arrived: list[tuple[str, str, str]] = field(repr=False)
    """What came to Keycloak's Admin REST API: method, raw target, Authorization."""
    exported: dict[str, list[bytes]] = field(repr=False)
    """What came to the OTLP endpoint, by its path: spans and log records."""

    def send(self, raw: bytes) -> bytes:
        """One request on a connection of its own, and everything that comes back. The connection is closed within seconds, come what may."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS) as connection:
            connection.sendall(raw)
            parts = []
            while part := connection.recv(65536):
                parts.append(part)
            return b"".join(parts)

    @property
    def login(self) -> dict[str, str]:
        """What opens the page and the API."""
        return {"Authorization": f"Bearer {self.planted.admin_key}"}

    def admin(self, path: str, *, accept: str = "*/*", host: str = "localhost") -> tuple[int, bytes]:
        """What the admin port answers."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=SECONDS)) as connection:
            connection.request("GET", path, headers={"Accept": accept, "Host": f"{host}:{self.admin_port}", **self.login})
            answer = connection.getresponse()
            return answer.status, answer.read()

    def outputs(self) -> Iterator[tuple[str, bytes]]:
        """Everything that the process has written or shows, by where."""
        yield "metrics", self.admin("/metrics")[1]
        yield "metrics, OpenMetrics", self.admin("/metrics", accept="application/openmetrics-text; version=1.0.0")[1]
        yield "page", self.admin("/")[1]
        status, listed = self.admin("/api/denials")
        assert status == 200
        yield "API", listed
        for denial in json.loads(listed)["denials"]:
            for path in (f"/denials/{denial['id']}", f"/api/denials/{denial['id']}"):
                status, shown = self.admin(path)
                assert status == 200
                yield path, shown
        address = (f"127.0.0.1:{self.admin_port}", "--key-file", str(self.folder / "admin-key"))
        for words in (("denials", "--admin", *address), ("denials", "--admin", *address, "--json")):
            yield " ".join(words), self.command(*words)
        yield "check --print", self.command("check", "--print", "--offline", "--config", str(self.folder / "kcproxy.toml"))
        yield "check", self.command("check", "--config", str(self.folder / "kcproxy.toml"))

    def remains(self) -> Iterator[tuple[str, bytes]]:
        """Everything that is left when the process has ended: log, history, spans, log records, its command line was looked at before."""
        yield "log", (self.folder / "log").read_bytes()
        for file in self.folder.glob("history.sqlite*"):
            yield file.name, file.read_bytes()
        with closing(sqlite3.connect(self.folder / "history.sqlite")) as history:
            yield "history", "\n".join(history.iterdump()).encode()
        yield "denials --history", self.command("denials", "--history", str(self.folder / "history.sqlite"), "--json")
        yield "spans", b"".join(self.exported["/v1/traces"])
        yield "log records", b"".join(self.exported["/v1/logs"])

    def command(self, *words: str, typed: str | None = None) -> bytes:
        """What a command prints, on both channels."""
        command = [sys.executable, "-m", "kcproxy", *words]
        typed_bytes = None if typed is None else typed.encode()
        done = subprocess.run(command, env=clean_environ(), input=typed_bytes, capture_output=True, timeout=60, check=False)
        return done.stdout + done.stderr

    def end(self) -> int:
        """SIGTERM; the exit code."""
        self.process.terminate()
        return self.process.wait(SECONDS * 2)


@contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """All of it, running."""
    planted = Planted()
    arrived: list[tuple[str, str, str]] = []
    exported: dict[str, list[bytes]] = {"/v1/traces": [], "/v1/logs": []}
    with _keycloak(planted, arrived, exported) as upstream:
        port, admin_port = free_port(), free_port()
        _write(folder, planted, {"port": port, "admin_port": admin_port, "upstream": upstream})
        environ = clean_environ({"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{upstream}", "OTEL_LOGS_EXPORTER": "otlp"})
        with (folder / "log").open("wb") as log:
            command = [sys.executable, "-m", "kcproxy", "serve", "--config", str(folder / "kcproxy.toml")]
            process = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
        running = Stage(
            process=process, port=port, admin_port=admin_port, folder=folder, planted=planted, arrived=arrived, exported=exported
        )
        try:
            _wait_until_ready(running)
            yield running
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()


def _write(folder: Path, planted: Planted, ports: Mapping[str, int]) -> None:
    digest = hashlib.sha256(planted.api_key.encode()).hexdigest()
    files = {
        "secret": planted.client_secret,
        "admin-key": planted.admin_key,
        "keys.toml": f'[[keys]]\nname = "shop"\nsha256 = "{digest}"\n',
    }
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")
        (folder / name).chmod(0o600)
    (folder / "kcproxy.toml").write_text(
        f'listen = "127.0.0.1:{ports["port"]}"\nadmin_listen = "127.0.0.1:{ports["admin_port"]}"\nadmin_key_file = "{folder}/admin-key"\n'
        f'[upstream]\nurl = "http://127.0.0.1:{ports["upstream"]}"\n[log]\nlevel = "debug"\n[explain]\nkeycloak_version = "26.7.4"\n'
        f'[history]\npath = "{folder}/history.sqlite"\n[metrics]\nclients = true\n[inbound]\napi_keys_file = "{folder}/keys.toml"\n'
        f'[[accounts]]\nrealms = ["demo"]\nclient_id = "robot"\nclient_secret_file = "{folder}/secret"\n'
        f"[limits]\nkeepalive_seconds = 1\nbody_idle_timeout_seconds = 2\nhead_timeout_seconds = 3\n",
        encoding="utf-8",
    )


@contextmanager
def _keycloak(planted: Planted, arrived: list[tuple[str, str, str]], exported: dict[str, list[bytes]]) -> Iterator[int]:
    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.path in exported:
                exported[self.path].append(body)
                return self.reply(200, {})
            if self.path.endswith("/protocol/openid-connect/token"):
                return self.reply(200, {"access_token": token(planted.injected), "expires_in": 300})
            arrived.append((self.command, self.path, self.headers.get("Authorization", "")))
            name = next((name for name in ANSWERS if f"/{name}" in self.path), "users")
            return self.reply(ANSWERS[name], {"error": "unknown_error"} if ANSWERS[name] == 500 else {"error": f"HTTP {ANSWERS[name]}"})

        def reply(self, status: int, document: Any) -> None:
            body = b"" if self.command == "HEAD" else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
            """Nothing."""

    for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"):
        setattr(Answer, f"do_{method}", Answer.answer)

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A connection that the proxy broke off is part of these tests."""

    with Server(("127.0.0.1", 0), Answer) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def _wait_until_ready(running: Stage) -> None:
    ends_at = time.monotonic() + 30
    while time.monotonic() < ends_at:
        assert running.process.poll() is None, (running.folder / "log").read_text()
        try:
            if running.admin("/readyz")[0] == 200:
                return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError("the proxy did not become ready")


def resident_megabytes(process: int) -> float:
    """Memory of a process at this moment."""
    pages = int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
