"""Printed commands are carried out word for word, or not at all."""

import os
import stat
from pathlib import Path

import pytest

from devkit.kcadm import QUICK_JVM_OPTIONS
from kcproxy.explain.fixes.commands import kcadm_grant
from kcproxy.explain.fixes.grantee import Grantee
from tools.fixloop.kcadm import JvmEnded, Kcadm, words_of


@pytest.mark.parametrize("name", ["service-account-shop", "o'brien", "a b", 'quote"d', "$HOME", "-dash", "jürgen", "a;b", "x|y"])
def test_the_words_of_a_printed_command_are_those_that_a_shell_reads(name: str) -> None:
    to = Grantee(realm="shop", username=name, user_id="42" if name.startswith("-") else None)
    words = words_of(kcadm_grant(to, "realm-management", ("view-users", "view-realm")))
    account = ["--uid", "42"] if name.startswith("-") else ["--uusername", name]
    roles = ["--rolename", "view-users", "--rolename", "view-realm"]
    assert words == ["add-roles", "-r", "shop", *account, "--cclientid", "realm-management", *roles]


@pytest.mark.parametrize(
    "printed",
    [
        "kcadm.sh get users; rm x",
        "kcadm.sh get users | cat",
        "kcadm.sh get $(id)",
        "kcadm.sh get `id`",
        "curl -s x",
        "kcadm.sh get users > f",
        "",
    ],
)
def test_what_is_not_one_plain_command_is_refused(printed: str) -> None:
    with pytest.raises(ValueError, match="not one plain command"):
        words_of(printed)


async def test_in_a_shell_the_distributions_own_script_is_run_with_a_home_of_its_own(tmp_path: Path) -> None:
    script = tmp_path / "dist" / "bin" / "kcadm.sh"
    script.parent.mkdir(parents=True)
    script.write_text('#!/bin/sh\nprintf "%s|" "$@"\necho "$KC_OPTS" >&2\nexit 3\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    kcadm = Kcadm(distribution=tmp_path / "dist", home=tmp_path / "home", server_url="http://localhost:1")

    done = await kcadm.run_in_shell("kcadm.sh add-roles --uusername 'o'\"'\"'brien'")

    assert (done.code, done.out) == (3, "add-roles|--uusername|o'brien|")
    assert done.err.strip() == f"{QUICK_JVM_OPTIONS} -Duser.home={tmp_path / 'home'}"
    assert "KC_OPTS" not in os.environ


async def test_outside_of_its_context_nothing_is_run(tmp_path: Path) -> None:
    kcadm = Kcadm(distribution=tmp_path, home=tmp_path, server_url="http://localhost:1")
    with pytest.raises(RuntimeError, match="outside of its context"):
        await kcadm.run("kcadm.sh get users")


async def test_a_jvm_that_cannot_run_is_named_with_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho 'no security manager' >&2\nexit 1\n")
    java.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    client = tmp_path / "bin" / "client"
    client.mkdir(parents=True)
    (client / "keycloak-admin-cli-0.0.0.jar").write_text("no jar")
    with pytest.raises(JvmEnded, match=r"jvm\.log"):
        async with Kcadm(distribution=tmp_path, home=tmp_path / "home", server_url="http://localhost:1"):
            pass
    assert "no security manager" in (tmp_path / "home" / "jvm.log").read_text()
