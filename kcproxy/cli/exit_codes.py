"""Exit codes of every command: few, closed, documented in ``--help`` and in docs/cli.md."""

from enum import IntEnum
from typing import Any

CONTEXT: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
"""Settings of every command's context. A command keeps its help option from the first context, so all contexts agree."""


class Exit(IntEnum):
    """What a command's end means to the shell that started it."""

    OK = 0
    FAILED = 1
    USAGE = 2
    DENIED = 3
    UNKNOWN = 4

    @property
    def says(self) -> str:
        """The meaning in words."""
        return _SAYS[self]


_SAYS = {
    Exit.OK: "done; for checks: nothing is wrong",
    Exit.FAILED: "tried, and it failed: Keycloak cannot be reached, gives no token, the proxy is not ready",
    Exit.USAGE: "the command line or the settings cannot be used; standard error has every problem with its remedy",
    Exit.DENIED: "explain: by the roles that the token names, Keycloak refuses this call",
    Exit.UNKNOWN: "an operation or a role that the table of this Keycloak version does not have",
}


def epilog() -> str:
    """The codes as the end of a help text."""
    return "\n".join(["\b", "Exit codes:", *(f"  {code.value}  {code.says}" for code in Exit)])
