"""Which operations are behind which feature, and whether it is on by default in a version."""

import json
import re
from pathlib import Path

from tools.measure.spec import Operation

OPERATIONS = Path(__file__).with_name("operations")
PATHS: tuple[tuple[str, str], ...] = (
    (r"/management/permissions$|/users-management-permissions$", "ADMIN_FINE_GRAINED_AUTHZ"),
    (r"^/admin/api/", "CLIENT_ADMIN_API_V2"),
    (r"/client-types$", "CLIENT_TYPES"),
    (r"/users/\{[^}]+\}/vc/", "OID4VC_VCI"),
    (r"/ssf/", "SSF"),
    (r"/client-secret/rotated$", "CLIENT_SECRET_ROTATION"),
    (r"/workflows(/|$)", "WORKFLOWS"),
    (r"/organizations(/|$)", "ORGANIZATION"),
    (r"/impersonation$", "IMPERSONATION"),
    (r"/authz/", "AUTHORIZATION"),
)
ALSO: dict[str, tuple[str, ...]] = {"OID4VC_VCI": ("OID4VC_VCI_REST_CREDENTIAL_OFFER",)}
"""Features without which those operations are there, but do nothing."""


class Features:
    """The features of one version: their keys for `--features`, and which are off by default."""

    def __init__(self, version: str) -> None:
        listed = json.loads((OPERATIONS / f"features-{version}.json").read_text())["features"]
        self._keys = {item["name"]: item["key"] for item in listed}
        self._on = {item["name"] for item in listed if item["enabled"]}

    def needed(self, operation: Operation) -> tuple[str, ...]:
        """The keys of the features that must be switched on for the operation."""
        names = [name for pattern, name in PATHS if re.search(pattern, operation.path)]
        return tuple(sorted(self._keys[name] for name in names if name in self._keys and name not in self._on))

    def to_switch_on(self) -> tuple[str, ...]:
        """All keys that the second server gets."""
        names = {name for _, name in PATHS} | {also for more in ALSO.values() for also in more}
        return tuple(sorted(self._keys[name] for name in names if name in self._keys and name not in self._on))
