"""What a caller's key opens, and which files of keys are refused, line by line."""

from pathlib import Path
from typing import Any

import pytest

from kcproxy.errors import SettingsError
from kcproxy.model import Operation, Target, TargetKind
from kcproxy.settings import LimitMode
from kcproxy.settings.api_keys import ApiKey, read_keys

HASH = "a" * 64


def target(method: str, template: str | None, realm: str | None = "demo") -> Target:
    operation = Operation(method=method, path=template) if template else None
    return Target(kind=TargetKind.ADMIN, method=method, raw_path="/", realm=realm, operation=operation)


USERS = "/admin/realms/{realm}/users"


@pytest.mark.parametrize(
    ("limits", "asked", "opens"),
    [
        ({}, target("DELETE", "/admin/realms/{realm}"), True),
        ({}, target("PROPFIND", None), True),
        ({"realms": ("demo", "shop")}, target("GET", USERS), True),
        ({"realms": ("demo", "shop")}, target("GET", USERS, "shop"), True),
        ({"realms": ("demo", "shop")}, target("GET", USERS, "Demo"), False),
        ({"realms": ("demo",)}, target("GET", "/admin/realms", None), False),
        ({"realms": ("master",)}, target("GET", "/admin/realms", None), True),
        ({"realms": ("master",)}, target("GET", USERS), False),
        ({"methods": ("GET", "HEAD")}, target("HEAD", USERS), True),
        ({"methods": ("GET", "HEAD")}, target("POST", USERS), False),
        ({"operations": (f"GET {USERS}", f"* {USERS}/count")}, target("GET", USERS), True),
        ({"operations": (f"GET {USERS}", f"* {USERS}/count")}, target("GET", f"{USERS}/count"), True),
        ({"operations": (f"GET {USERS}", f"* {USERS}/count")}, target("POST", USERS), False),
        ({"operations": (f"GET {USERS}", "get /admin*")}, target("GET", f"{USERS}/x"), False),
        ({"operations": ("*",)}, target("GET", None), False),
        ({"realms": ("shop",), "operations": ("*",)}, target("GET", USERS), False),
        ({"methods": ("POST",), "operations": ("*",)}, target("GET", USERS), False),
        ({"mode": LimitMode.OBSERVE, "operations": (f"GET {USERS}",)}, target("POST", USERS), True),
        ({"mode": LimitMode.OBSERVE, "operations": (f"GET {USERS}",)}, target("GET", None), True),
        ({"mode": LimitMode.OBSERVE, "realms": ("shop",)}, target("GET", USERS), False),
        ({"mode": LimitMode.OBSERVE, "methods": ("POST",)}, target("GET", USERS), False),
    ],
)
def test_a_key_opens_what_lies_within_all_of_its_limits(limits: dict[str, Any], asked: Target, opens: bool) -> None:
    assert ApiKey(name="shop", **limits).opens(asked) is opens


def problems(folder: Path, text: str) -> str:
    file = folder / "keys.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        read_keys(file)
    assert HASH not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('realms = "demo"', "realms is empty or not a list of strings"),
        ("realms = [1]", "realms is empty or not a list of strings"),
        ('realms = [""]', "realms is empty or not a list of strings"),
        ("operations = []", "operations is empty or not a list of strings"),
        ("methods = [[]]", "methods is empty or not a list of strings"),
        ('methods = ["GET", "TRACE"]', "methods contains a method to which no token is added"),
        ('methods = ["get"]', "methods contains a method to which no token is added"),
        ("unknown = 1\nanother = 2", "'another' is not a member"),
    ],
)
def test_a_limit_that_cannot_be_meant_is_refused_with_its_line(tmp_path: Path, more: str, said: str) -> None:
    told = problems(tmp_path, f'# who may\n[[keys]]\nname = "shop"\nsha256 = "{HASH}"\n{more}\n')
    assert f"keys.toml:2: {said}" in told


@pytest.mark.parametrize("name", ['""', '"a\\nb"', "7"])
def test_the_name_of_a_keys_holder_can_be_logged(tmp_path: Path, name: str) -> None:
    assert "name is missing" in problems(tmp_path, f'[[keys]]\nname = {name}\nsha256 = "{HASH}"\n')


@pytest.mark.parametrize("digest", [f'"{HASH.upper()}"', f'"{HASH}a"', f'"{HASH[1:]}"', f'"{HASH}\\n"', "7"])
def test_a_hash_is_written_in_one_way(tmp_path: Path, digest: str) -> None:
    assert "sha256 is not 64 lowercase hexadecimal digits" in problems(tmp_path, f'[[keys]]\nname = "shop"\nsha256 = {digest}\n')


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("keys = []", "has no [[keys]]"),
        ("keys = [1]", "is not a table; write [[keys]]"),
        (f'realms = ["demo"]\n[[keys]]\nname = "shop"\nsha256 = "{HASH}"\n', "has no [[keys]], or other tables"),
        ("[[keys]]\nname = \n", "is not valid TOML at line 2; write [[keys]]"),
    ],
)
def test_what_is_no_file_of_keys_is_refused(tmp_path: Path, text: str, said: str) -> None:
    assert said in problems(tmp_path, text)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
def test_every_method_of_the_api_may_be_a_limit(tmp_path: Path, method: str) -> None:
    file = tmp_path / "keys.toml"
    file.write_text(f'[[keys]]\nname = "shop"\nsha256 = "{HASH}"\nmethods = ["{method}"]\n')
    read_keys(file)


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot be read \(No such file"):
        read_keys(tmp_path / "none.toml")
    (tmp_path / "keys.toml").write_bytes(b"\xff")
    with pytest.raises(SettingsError, match="is not UTF-8"):
        read_keys(tmp_path / "keys.toml")
