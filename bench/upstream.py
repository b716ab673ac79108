"""A fast stand-in for Keycloak: nginx with fixed responses, to measure the proxy and not its upstream."""

import json
import os
import time
from pathlib import Path

from bench.scenarios import USER_ID, access_token, user_json, users_json

_FOREVER_SECONDS = 10 * 86400
_KEYCLOAK_FIELDS = {
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
}
"""The fields that Keycloak adds to each response."""


def nginx_upstream(folder: Path, port: int) -> list[str]:
    """Write configuration and responses into ``folder``. Returns the command that serves them on ``port``."""
    (folder / "users.json").write_text(users_json())
    some_id = USER_ID % 0
    user = user_json(some_id).replace(some_id, "$user_id")
    token = {
        "access_token": access_token(expires_at=int(time.time()) + _FOREVER_SECONDS),
        "expires_in": _FOREVER_SECONDS,
        "token_type": "Bearer",
        "not-before-policy": 0,
        "scope": "email profile",
    }
    refusal = json.dumps({"error": "HTTP 403 Forbidden"}, separators=(",", ":"))
    common = " ".join(f"add_header {name} '{value}' always;" for name, value in _KEYCLOAK_FIELDS.items())
    config = folder / "upstream.conf"
    owner = "user root; " if os.geteuid() == 0 else ""  # otherwise nginx's worker could not read the folder
    config.write_text(f"""
{owner}daemon off; worker_processes 1; pid {folder}/upstream.pid; error_log stderr warn;
events {{ worker_connections 20000; }}
http {{
  access_log off; keepalive_requests 100000000; keepalive_timeout 600s; sendfile on; tcp_nopush on;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  default_type application/json;
  server {{
    listen 127.0.0.1:{port} backlog=16384;
    {common}
    location ~ ^/admin/realms/bench/users/(?<user_id>[^/]+)$ {{ return 200 '{user}'; }}
    location = /admin/realms/bench/users {{ root {folder}; try_files /users.json =500; }}
    location /admin/realms/bench/clients/ {{ return 403 '{refusal}'; }}
    location = /realms/bench/protocol/openid-connect/token {{ return 200 '{json.dumps(token)}'; }}
    location = /healthz {{ return 200 '{{}}'; }}
    location / {{ return 404 '{{"error":"HTTP 404 Not Found"}}'; }}
  }}
}}
""")
    return ["nginx", "-p", str(folder), "-c", str(config)]
