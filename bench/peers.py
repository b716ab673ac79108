"""The measured proxies, each with its configuration, on one core, without an access log if possible."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

Prepare = Callable[[Path, int, int], list[str]]
"""(folder, own port, upstream's port) → the command; configuration files go into the folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One proxy. ``injects``: it adds the token, so that clients send none."""

    name: str
    program: str
    prepare: Prepare
    injects: bool = False

    @property
    def there(self) -> bool:
        """Whether it is installed."""
        return shutil.which(self.program) is not None


def _nginx(folder: Path, port: int, upstream: int) -> list[str]:
    config = folder / "nginx.conf"
    config.write_text(f"""
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 100000000; keepalive_timeout 600s;
  client_body_temp_path {folder}/body2; proxy_temp_path {folder}/proxy2; fastcgi_temp_path {folder}/fastcgi2;
  uwsgi_temp_path {folder}/uwsgi2; scgi_temp_path {folder}/scgi2;
  upstream keycloak {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://keycloak; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffers 16 64k; }}
  }}
}}
""")
    return ["nginx", "-p", str(folder), "-c", str(config)]


def _haproxy(folder: Path, port: int, upstream: int) -> list[str]:
    config = folder / "haproxy.cfg"
    config.write_text(f"""
global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend callers
  bind 127.0.0.1:{port}
  default_backend keycloak
backend keycloak
  server one 127.0.0.1:{upstream}
""")
    return ["haproxy", "-db", "-f", str(config)]


def _caddy(folder: Path, port: int, upstream: int) -> list[str]:
    config = folder / "Caddyfile"
    config.write_text(f"{{\n admin off\n auto_https off\n}}\nhttp://127.0.0.1:{port} {{\n reverse_proxy 127.0.0.1:{upstream}\n}}\n")
    homes = [f"XDG_CONFIG_HOME={folder}", f"XDG_DATA_HOME={folder}"]  # otherwise it writes files into the home directory
    return ["env", *homes, "caddy", "run", "--config", str(config), "--adapter", "caddyfile"]


def _mitmproxy(folder: Path, port: int, upstream: int) -> list[str]:
    options = ["--set", f"confdir={folder}", "--set", "flow_detail=0", "--quiet"]
    return ["mitmdump", "--mode", f"reverse:http://127.0.0.1:{upstream}", "--listen-host", "127.0.0.1", "-p", str(port), *options]


def _naive(_folder: Path, port: int, upstream: int) -> list[str]:
    return [sys.executable, str(ROOT / "bench" / "naive.py"), f"http://127.0.0.1:{upstream}", str(port)]


def _floor(shape: str) -> Prepare:
    return lambda _folder, port, upstream: [sys.executable, str(ROOT / "bench" / "floors.py"), shape, str(upstream), str(port)]


def _kcproxy(python: str, folder: Path, port: int, upstream: int) -> list[str]:
    """With everything on: metrics, the log line of each request at the default level, matching, and an account's token."""
    secret = folder / "client-secret"
    secret.write_text("bench")
    secret.chmod(0o600)
    config = folder / "kcproxy.toml"
    config.write_text(f"""
listen = "127.0.0.1:{port}"
admin_listen = "127.0.0.1:{port + 1}"
[upstream]
url = "http://127.0.0.1:{upstream}"
[[accounts]]
realm = "bench"
client_id = "bench-backend"
client_secret_file = "{secret}"
""")
    return [python, "-P", "-m", "kcproxy", "serve", "--config", str(config)]


def kcproxy_of(python: str, name: str) -> Peer:
    """The kcproxy that is installed for this Python interpreter."""
    return Peer(name=name, program=python, prepare=partial(_kcproxy, python), injects=True)


KCPROXY = kcproxy_of(sys.executable, "kcproxy")
BEFORE = "kcproxy before"
"""The name of the installation that ``--against`` names."""
NAIVE = Peer(name="naive", program=sys.executable, prepare=_naive)
NGINX = Peer(name="nginx", program="nginx", prepare=_nginx)
FLOORS = (
    Peer(name="floor: aiohttp's server and our pool", program=sys.executable, prepare=_floor("aiohttp")),
    Peer(name="floor: httptools on both sides", program=sys.executable, prepare=_floor("httptools")),
)
"""They show how much of kcproxy's cost is due to its architecture. Measured only with ``--floors``."""
PEERS = (
    NGINX,
    Peer(name="haproxy", program="haproxy", prepare=_haproxy),
    Peer(name="caddy", program="caddy", prepare=_caddy),
    Peer(name="mitmproxy", program="mitmdump", prepare=_mitmproxy),
    NAIVE,
    KCPROXY,
)
