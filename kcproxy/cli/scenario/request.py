"""The request for a demo."""

from pathlib import Path

from msgspec import Struct

from kcproxy.settings import Secret


class Request(Struct, frozen=True, kw_only=True):
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
