"""docs/cli.md, from the commands."""

from collections.abc import Iterator

import click

from kcproxy.cli.exit_codes import CONTEXT, Exit
from kcproxy.cli.main import main
from tools.docs.markdown import GENERATED, code, table

FILE = "docs/cli.md"
_WIDTH = 110
_INTRODUCTION = f"""\
# Commands
{GENERATED}

Standard output contains only the result. Messages go to standard error. `--json` prints the result as one
JSON document. Color is used only on a terminal, and not with `NO_COLOR`. Tokens and secrets are never arguments: they come from
files, from standard input (`-`) or from the environment. `kcproxy COMMAND --help` prints the same text as this page.

Names come from tokens, from Keycloak and from the command line. Invisible characters in them are shown by their code point, as `⟨U+001B⟩`. In JSON they are
escapes, and the value is exact. Printed commands contain no such character, but `"$(printf '\\033')"` instead.

`kcproxy completion SHELL` prints a completion script for bash, zsh or fish: commands, options, files, roles, versions, and paths segment by segment.
The manual page is [docs/man/kcproxy.1](man/kcproxy.1); an installation puts it where `man kcproxy` looks.

## Exit codes
"""


def documents() -> dict[str, str]:
    """The document by its path."""
    codes = table(("Code", "Meaning"), [(code(str(exit_code.value)), exit_code.says) for exit_code in Exit])
    return {FILE: "\n".join([_INTRODUCTION, *codes, "", *_commands()])}


def _commands() -> Iterator[str]:
    parent = click.Context(main, info_name="kcproxy")
    for name in main.list_commands(parent):
        command = main.get_command(parent, name)
        if command is None:
            raise LookupError(name)
        yield f"## `kcproxy {name}`"
        yield ""
        yield "```text"
        yield _help(command, name, parent)
        yield "```"
        yield ""


def _help(command: click.Command, name: str, parent: click.Context) -> str:
    """The help text at a fixed width, without the exit codes, which are at the top of the page."""
    context = click.Context(
        command,
        info_name=name,
        parent=parent,
        help_option_names=CONTEXT["help_option_names"],
        terminal_width=_WIDTH,
        max_content_width=_WIDTH,
    )
    text = command.get_help(context)
    return "\n".join(line.rstrip() for line in text.partition("  Exit codes:")[0].rstrip().splitlines())
