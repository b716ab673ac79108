"""The request for a demo."""

from dataclasses import dataclass
from pathlib import Path

from kcproxy.settings import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The options of the command line. Without ``upstream``, the simulator is used."""

    upstream: str | None
    admin_realm: str
    admin_username: str
    admin_password: Secret
    kcadm: Path | None
    version: str | None
    as_json: bool
    keep: bool
    replace: bool
