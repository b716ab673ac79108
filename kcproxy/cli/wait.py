"""``kcproxy wait``: returns when a proxy accepts requests, for scripts and Jobs that start beside it."""

import os
import sys
import time
from pathlib import Path

import click

from kcproxy.cli.exit_codes import CONTEXT, Exit, epilog
from kcproxy.cli.options import config_option
from kcproxy.cli.readiness import not_ready
from kcproxy.cli.terminal import talk
from kcproxy.settings.load import admin_address

_PAUSE_SECONDS = 0.2
EXAMPLES = """\b
Examples:
  kcproxy wait && ./import-users
  kcproxy wait --admin 127.0.0.1:9180 --timeout 10

"""


@click.command(name="wait", epilog=EXAMPLES + epilog(), context_settings=CONTEXT)
@config_option
@click.option("--admin", metavar="HOST:PORT", help="Admin port of the proxy. Default: as configured.")
@click.option(
    "--timeout",
    "timeout_seconds",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="Give up after this time.",
)
def command(config: Path | None, admin: str | None, timeout_seconds: float) -> None:
    """Wait until the proxy on this machine or in this pod accepts requests.

    Asks its admin port five times a second. Prints nothing on success. If the time is up, the exit code is 1, and standard error says what the
    last answer was. Whether Keycloak responds is another question: kcproxy check.
    """
    address = admin_address(config, os.environ, {"admin_listen": admin})
    ends_at = time.monotonic() + timeout_seconds
    while (reason := not_ready(address)) is not None:
        left = ends_at - time.monotonic()
        if left <= 0:
            talk(f"kcproxy: not ready after {timeout_seconds:g} seconds: {reason}")
            sys.exit(Exit.FAILED)
        time.sleep(min(_PAUSE_SECONDS, left))
