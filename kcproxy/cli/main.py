"""``kcproxy``: the group of commands. The module of a command is imported only if it is used, so that each starts quickly."""

import difflib
import errno
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

import kcproxy
from kcproxy.cli.exit_codes import CONTEXT, Exit, epilog
from kcproxy.cli.help_format import HelpContext
from kcproxy.cli.terminal import talk
from kcproxy.errors import KcproxyError, SettingsError
from kcproxy.visible import is_visible, visible

COMMANDS = (
    "serve",
    "ext-proc",
    "demo",
    "check",
    "explain",
    "roles",
    "audit",
    "upgrade",
    "doctor",
    "who-can",
    "denials",
    "fix",
    "history",
    "wait",
    "completion",
)
"""Names of commands in the order of the help. Each is the value ``command`` in the module of that name in ``kcproxy.cli``, with underscores."""


_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


class Program(click.Group):
    """A group that finds its commands by module, and maps errors of the program to exit codes."""

    context_class = HelpContext

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Like click's. A full disk (``kcproxy roles > FILE``) is an error message, not a traceback."""
        try:
            return super().main(*args, **kwargs)
        except OSError as error:
            if error.errno not in _FULL:
                raise  # click handles a closed pipe; anything else is a bug
            talk(f"kcproxy: cannot write the result: {error.strerror}")
            sys.exit(Exit.FAILED)

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Like click's, but errors contain only visible characters."""
        with _visible_errors():
            return super().make_context(*args, **kwargs)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names of the commands whose modules exist."""
        return [name for name in COMMANDS if importlib.util.find_spec(_module(name))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command with that name. With None, click reports an unknown command."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = _module(cmd_name)
        command = importlib.import_module(module).command
        if not isinstance(command, click.Command):
            raise TypeError(f"{module}.command is not a command")
        command.context_class = HelpContext
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Like click's, but the first sentence of each command is complete."""
        commands = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.get_short_help_str(limit=1000)) for name, command in commands if command is not None])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Like click's, with a suggestion for a misspelled name."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = difflib.get_close_matches(args[0].lower(), COMMANDS, n=1)
            if not near:
                raise
            raise click.UsageError(f"{error.message} Did you mean '{near[0]}'?", ctx) from error

    def invoke(self, ctx: click.Context) -> object:
        """Run the command. Errors of the program go to standard error, without a traceback."""
        try:
            with _visible_errors():
                result: object = super().invoke(ctx)
        except SettingsError as error:
            report(error)
            sys.exit(Exit.USAGE)
        except KcproxyError as error:
            talk(f"kcproxy: {error}")
            sys.exit(Exit.FAILED)
        return result


def _module(name: str) -> str:
    """The module of a command. Those with several modules are packages, with the command in ``command``."""
    module = f"kcproxy.cli.{name.replace('-', '_')}"
    spec = importlib.util.find_spec(module)
    return f"{module}.command" if spec is not None and spec.submodule_search_locations else module


@contextmanager
def _visible_errors() -> Iterator[None]:
    """Make words of the command line visible in click's errors, which repeat them unchanged."""
    try:
        yield
    except (click.MissingParameter, click.exceptions.NoArgsIsHelpError):
        raise  # these repeat nothing, and have several lines
    except click.ClickException as error:
        message = error.format_message()
        if is_visible(message):
            raise
        if isinstance(error, click.UsageError):
            raise click.UsageError(visible(message), error.ctx) from error
        raise click.ClickException(visible(message)) from error


def report(error: SettingsError) -> None:
    """Print every problem on standard error, one per line."""
    count = len(error.problems)
    talk(f"kcproxy: {count} problem{'s' if count > 1 else ''} in the settings")
    for problem in error.problems:
        talk(f"  {problem}")


@click.group(cls=Program, epilog=epilog(), context_settings=CONTEXT)
@click.version_option(kcproxy.__version__, prog_name="kcproxy")
def main() -> None:
    """A reverse proxy for Keycloak that explains every 403: the missing role, the evidence, the least-privilege fix."""


if __name__ == "__main__":
    main()
