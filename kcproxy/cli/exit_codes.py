"""Exit codes of all commands: a closed set, documented in ``--help`` and in docs/cli.md."""

from enum import IntEnum
from typing import Any

CONTEXT: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
"""Settings of every command's context. A command keeps its help option from the first context, so all contexts agree."""


class Exit(IntEnum):
    """The exit code of a command."""

    OK = 0
    FAILED = 1
    USAGE = 2
    DENIED = 3
    UNKNOWN = 4
    FOUND = 5

    @property
    def says(self) -> str:
        """The meaning in words."""
        return _SAYS[self]


_SAYS = {
    Exit.OK: "success; for checks: no problem was found",
    Exit.FAILED: "failure: Keycloak cannot be reached or issues no token, the proxy is not ready",
    Exit.USAGE: "invalid command line or settings; standard error lists every problem with its remedy",
    Exit.DENIED: "explain, doctor: Keycloak refuses this call",
    Exit.UNKNOWN: "an operation or a role that is not in the table of this Keycloak version",
    Exit.FOUND: "audit: one of the findings that --fail-on names; upgrade: a call works less well",
}


def epilog() -> str:
    """The codes, for the end of a help text."""
    return "\n".join(["\b", "Exit codes:", *(f"  {code.value}  {code.says}" for code in Exit)])
