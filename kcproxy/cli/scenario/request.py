"""What a demo is asked for."""

from dataclasses import dataclass
from pathlib import Path

from kcproxy.settings import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the command line asks for. ``upstream`` None means the simulator."""

    upstream: str | None
    admin_realm: str
    admin_username: str
    admin_password: Secret
    kcadm: Path | None
    version: str | None
    as_json: bool
    keep: bool
    replace: bool
