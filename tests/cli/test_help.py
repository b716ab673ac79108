"""Help texts on a narrow terminal, completed values, and the manual page."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from kcproxy import catalog
from kcproxy.cli.exit_codes import CONTEXT
from kcproxy.cli.help_format import HelpContext
from kcproxy.cli.main import COMMANDS, main

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "man" / "kcproxy.1"


def help_of(*words: str, columns: int = 80) -> str:
    command: click.Command = main
    settings = {**CONTEXT, "terminal_width": columns, "max_content_width": columns}
    context: click.Context = HelpContext(main, info_name="kcproxy", **settings)
    for word in words:
        found = main.get_command(context, word)
        assert found is not None
        command, context = found, HelpContext(found, info_name=word, parent=context, **settings)
    return command.get_help(context)


@pytest.mark.parametrize("columns", [80, 60])
@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_no_line_of_a_help_text_is_longer_than_the_terminal(command: str, columns: int) -> None:
    lines = help_of(*command.split(), columns=columns).splitlines()
    unbroken = [line for line in lines if len(line) > columns and len(line.strip().split()[-1]) < columns // 2]
    assert unbroken == []


@pytest.mark.parametrize("command", COMMANDS)
def test_the_list_of_commands_has_each_first_sentence_complete(command: str) -> None:
    text = " ".join(help_of().partition("Commands:")[2].split())
    assert "..." not in text
    context = click.Context(main)
    found = main.get_command(context, command)
    assert found is not None
    assert f"{command} {found.get_short_help_str(limit=1000)}" in text


def test_a_remark_beside_an_example_moves_below_it_and_loses_no_word() -> None:
    wide, narrow = (help_of("roles", columns=columns) for columns in (110, 60))
    assert "kcproxy roles --role view-users                   what does view-users allow?" in wide
    assert "kcproxy roles --role view-users\n        what does view-users allow?" in narrow
    assert wide.split() == narrow.split()


def completed(words: str) -> list[str]:
    """What bash is offered for the last word."""
    parts = words.split(" ")
    environ = {**os.environ, "COMP_WORDS": words, "COMP_CWORD": str(len(parts) - 1), "_KCPROXY_COMPLETE": "bash_complete"}
    script = "import sys; sys.argv[0] = 'kcproxy'; from kcproxy.cli.main import main; main(prog_name='kcproxy')"
    answer = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True, timeout=60, check=True)
    return [line.partition(",")[2] or line.partition(",")[0] for line in answer.stdout.splitlines() if line]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("kcproxy roles --role view-u", ["view-users"]),
        ("kcproxy roles --keycloak 24", ["24.0.5"]),
        ("kcproxy serve --keycloak 24", ["24.0.5"]),
        ("kcproxy demo --keycloak 24", ["24.0.5"]),
        ("kcproxy roles PO", ["POST"]),
        ("kcproxy explain GET /admin/realms/shop/users/co", ["/admin/realms/shop/users/count"]),
        ("kcproxy explain GET /admin/realms/shop/users/42/logo", ["/admin/realms/shop/users/42/logout"]),
        ("kcproxy roles GET /admin/realms/shop/cl", ["/admin/realms/shop/clients-initial-access"]),
        ("kcproxy doctor --realm shop GET /admin/serveri", ["/admin/serverinfo"]),
        ("kcproxy serve --config ", ["file"]),
        ("kcproxy explain GET nonsense", []),
    ],
)
def test_values_are_completed(words: str, offered: list[str]) -> None:
    found = completed(words)
    assert set(offered) <= set(found)
    assert bool(offered) is bool(found)


def test_every_role_of_the_newest_table_is_offered() -> None:
    assert completed("kcproxy roles --role ") == sorted(catalog.load(catalog.default_version()).roles)


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_the_manual_page_is_valid_and_names_every_command_and_option() -> None:
    checked = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z", str(PAGE)], capture_output=True, text=True, timeout=60, check=True)
    assert checked.stderr == ""
    text = subprocess.run(
        ["groff", "-man", "-Tutf8", "-P-c", "-P-b", "-P-u", str(PAGE)], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    context = click.Context(main, info_name="kcproxy")
    for name in COMMANDS:
        command = main.get_command(context, name)
        assert command is not None
        assert f"kcproxy {name}" in text
        for option in (parameter for parameter in command.params if isinstance(parameter, click.Option) and not parameter.hidden):
            assert option.opts[0] in text


def test_an_installation_has_the_manual_page() -> None:
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert '"docs/man/kcproxy.1" = "share/man/man1/kcproxy.1"' in settings
