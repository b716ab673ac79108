"""``kcproxy``: the group of commands. A command's module is imported when it is asked for, so that each starts quickly."""

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
from kcproxy.cli.terminal import talk
from kcproxy.errors import KcproxyError, SettingsError
from kcproxy.visible import is_visible, visible

COMMANDS = ("serve", "demo", "check", "explain", "roles", "doctor", "denials", "completion")
"""Names of commands in the order of the help; each is the module ``kcproxy.cli.NAME`` and in it the value ``command``."""


_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


class Program(click.Group):
    """A group that finds its commands by module, and turns the program's own errors into exit codes."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """As click runs it; a result that finds no room (``kcproxy roles > FILE`` on a full disk) is no bug of ours."""
        try:
            return super().main(*args, **kwargs)
        except OSError as error:
            if error.errno not in _FULL:
                raise  # a closed pipe is click's own affair, anything else is a bug
            talk(f"kcproxy: the result could not be written: {error.strerror}")
            sys.exit(Exit.FAILED)

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """As click does it; its errors hold only characters that can be seen."""
        with _visible_errors():
            return super().make_context(*args, **kwargs)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names, as far as their modules are there."""
        return [name for name in COMMANDS if importlib.util.find_spec(f"kcproxy.cli.{name}")]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name; None lets click say that there is none."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command = importlib.import_module(f"kcproxy.cli.{cmd_name}").command
        if not isinstance(command, click.Command):
            raise TypeError(f"kcproxy.cli.{cmd_name}.command is no command")
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, with the name that was probably meant."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = difflib.get_close_matches(args[0].lower(), COMMANDS, n=1)
            if not near:
                raise
            raise click.UsageError(f"{error.message} Did you mean '{near[0]}'?", ctx) from error

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; errors of our own go to standard error, without a traceback."""
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


@contextmanager
def _visible_errors() -> Iterator[None]:
    """Click repeats words of the command line in its errors as they came."""
    try:
        yield
    except (click.MissingParameter, click.exceptions.NoArgsIsHelpError):
        raise  # these repeat nothing, and are longer than a line
    except click.ClickException as error:
        message = error.format_message()
        if is_visible(message):
            raise
        if isinstance(error, click.UsageError):
            raise click.UsageError(visible(message), error.ctx) from error
        raise click.ClickException(visible(message)) from error


def report(error: SettingsError) -> None:
    """Every problem on standard error, one a line."""
    count = len(error.problems)
    talk(f"kcproxy: {count} problem{'s' if count > 1 else ''} in the settings")
    for problem in error.problems:
        talk(f"  {problem}")


@click.group(cls=Program, epilog=epilog(), context_settings=CONTEXT)
@click.version_option(kcproxy.__version__, prog_name="kcproxy")
def main() -> None:
    """A proxy in front of Keycloak that explains every 403: the missing role, the evidence, the smallest fix."""


if __name__ == "__main__":
    main()
