"""The program as a whole: version, help, exit codes, errors without traceback."""

import subprocess
import sys
from pathlib import Path

import click
import pytest

import kcproxy
from kcproxy.cli.exit_codes import Exit
from kcproxy.cli.main import COMMANDS, main
from tests.cli.running import process, run

OWN = ("serve", "check", "explain", "roles", "completion")


def test_the_version_is_the_package_s() -> None:
    assert run("--version").stdout == f"kcproxy, version {kcproxy.__version__}\n"


@pytest.mark.parametrize("command", [(), *((name,) for name in OWN)])
def test_every_help_has_the_exit_codes(command: tuple[str, ...]) -> None:
    result = run(*command, "--help")
    assert result.exit_code == Exit.OK
    for code in Exit:
        assert f" {code.value} {code.says.split(':')[0]}" in " ".join(result.stdout.split())  # wrapped at the terminal's width


def test_all_commands_are_listed_in_the_order_of_the_table() -> None:
    names = main.list_commands(main.make_context("kcproxy", ["roles"], resilient_parsing=True))
    assert set(OWN) <= set(names)
    assert names == [name for name in COMMANDS if name in names]


@pytest.mark.parametrize(
    "words",
    [("nonsense",), ("serve", "--nonsense"), ("roles", "--keycloak", "newest"), ("explain", "FETCH", "/x"), ("completion", "powershell")],
)
def test_a_wrong_command_line_ends_with_2(words: tuple[str, ...]) -> None:
    result = process(*words)
    assert (result.returncode, result.stdout) == (Exit.USAGE, "")
    assert "Traceback" not in result.stderr


def test_the_group_alone_shows_its_help() -> None:
    result = process()
    assert "Commands:" in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("shell", "mark"), [("bash", "complete "), ("zsh", "#compdef kcproxy"), ("fish", "complete --no-files --command kcproxy")]
)
def test_completion_is_a_script_for_the_shell(shell: str, mark: str) -> None:
    result = run("completion", shell)
    assert result.exit_code == Exit.OK
    assert mark in result.stdout
    assert "_KCPROXY_COMPLETE" in result.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_of_a_context_of_its_own_has_both_names_of_the_help_option(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    context = command.make_context(name, [], resilient_parsing=True)
    assert context.help_option_names == ["-h", "--help"]
    assert "-h, --help" in command.get_help(context)


def test_no_option_takes_a_token_or_a_secret() -> None:
    context = main.make_context("kcproxy", ["roles"], resilient_parsing=True)
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        options = [option for parameter in command.params for option in parameter.opts]
        assert not [
            option
            for option in options
            if ("token" in option or "secret" in option or "password" in option) and not option.endswith("-file")
        ]


@pytest.mark.parametrize(("typed", "meant"), [("expalin", "explain"), ("Check", "check"), ("role", "roles"), ("server", "serve")])
def test_a_command_that_is_none_gets_the_one_that_was_probably_meant(typed: str, meant: str) -> None:
    done = run(typed)
    assert done.exit_code == 2
    assert f"No such command '{typed}'. Did you mean '{meant}'?" in done.stderr


def test_a_command_like_no_other_gets_no_suggestion() -> None:
    assert "Did you mean" not in run("xyzzy").stderr


@pytest.mark.parametrize("words", [("roles", "--json"), ("roles", "GET", "/admin/realms/x/users"), ("--version",)])
def test_a_full_disk_is_reported_in_one_line(words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "kcproxy.cli.main", *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (result.returncode, result.stderr) == (Exit.FAILED, "kcproxy: cannot write the result: No space left on device\n")
