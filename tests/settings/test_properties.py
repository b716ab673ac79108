"""What holds for any settings: unknown names are never overlooked, secrets are never shown, nothing else than SettingsError comes out."""

import string
import tempfile
import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kcproxy.errors import SettingsError
from kcproxy.settings.load import admin_address, load
from kcproxy.settings.merge import toml_value
from kcproxy.settings.schema import BY_KEY, SECTION_DOCS, SETTINGS
from kcproxy.settings.show import shown
from tests.settings.reading import ACCOUNT, UPSTREAM

NAMES = st.text(string.ascii_lowercase + "_", min_size=1, max_size=20).filter(lambda name: name.strip("_") == name)
SECRETS = st.text(string.ascii_letters + string.digits + "+/=!$%", min_size=12, max_size=64).map(
    "9z9".__add__
)  # no word of the program's own
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)


def _said(read: Callable[[], object]) -> tuple[str, ...]:
    """The problems; none where settings came out. Any other error goes on its way and fails the test."""
    try:
        read()
    except SettingsError as error:
        return error.problems or ("no problem given",)
    return ()


@given(section=st.sampled_from([name for name in SECTION_DOCS if name not in {"", "accounts"}]), name=NAMES)
@settings(deadline=None)
def test_any_unknown_key_of_any_table_is_reported_with_its_line(section: str, name: str) -> None:
    if f"{section}.{name}" in BY_KEY:
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "k.toml")
        file.write_text(f"\n[{section}]\n{name} = 1\n", encoding="utf-8")
        with pytest.raises(SettingsError) as caught:
            load(file, UPSTREAM, {})
    assert any(f"k.toml:3: there is no setting {section}.{name};" in problem for problem in caught.value.problems)


@given(name=NAMES)
@settings(deadline=None)
def test_any_unknown_variable_is_reported(name: str) -> None:
    variable = "KCPROXY_" + name.upper()
    if variable in {field.variable for field in SETTINGS} | {"KCPROXY_CONFIG"}:
        return
    with pytest.raises(SettingsError) as caught:
        load(None, UPSTREAM | {variable: "x"}, {})
    assert any(problem.startswith(f"{variable}: no setting has this variable") for problem in caught.value.problems)


@given(secret=SECRETS)
@settings(deadline=None)
def test_a_secret_is_in_no_representation_and_no_listing(secret: str) -> None:
    found = load(None, UPSTREAM | ACCOUNT | {"KCPROXY_ACCOUNT__CLIENT_SECRET": secret, "KCPROXY_ADMIN_KEY": secret}, {})
    assert found.accounts[0].secret is not None
    assert found.accounts[0].secret.reveal() == secret
    texts = [repr(found), str(found), repr(found.accounts[0].secret), *found.notes, *(item.line + item.origin for item in shown(found))]
    assert not any(secret in text for text in texts)
    assert [item.value for item in shown(found) if item.key.endswith(("client_secret", "admin_key"))] == ["***", "***"]


@given(secret=SECRETS, place=st.sampled_from(["client_secret", "client_secret_file", "private_key_file", "assertion_file"]))
@settings(deadline=None)
def test_a_secret_in_the_wrong_place_of_the_file_is_not_repeated(secret: str, place: str) -> None:
    if place != "client_secret" and secret.startswith("/"):
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "k.toml")
        file.write_text(f'[[accounts]]\nrealm = "a"\nclient_id = "b"\n{place} = "{secret}"\nunknown = "{secret}"\n', encoding="utf-8")
        with pytest.raises(SettingsError) as caught:
            load(file, UPSTREAM | {"KCPROXY_SECRET": secret}, {})
    assert len(caught.value.problems) == 3
    assert secret not in str(caught.value)
    assert secret not in repr(caught.value)


@given(user=st.text(string.ascii_letters, min_size=10), password=st.text(string.ascii_letters + string.digits, min_size=10))
@settings(deadline=None)
def test_credentials_in_a_url_are_refused_without_repeating_them(user: str, password: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(None, {"KCPROXY_UPSTREAM": f"https://{user}:{password}@kc.example.com"}, {})
    assert "it contains a user name or password" in str(caught.value)
    assert user not in str(caught.value)
    assert password not in str(caught.value)


@given(values=st.dictionaries(st.sampled_from([field.variable for field in SETTINGS]), WORDS, max_size=8))
@settings(deadline=None)
def test_any_variables_give_settings_or_a_settings_error(values: dict[str, str]) -> None:
    assert all("; " in problem for read in (load, admin_address) for problem in _said(partial(read, None, UPSTREAM | values, {})))


@given(text=st.text(max_size=200))
@settings(deadline=None)
def test_any_file_gives_settings_or_a_settings_error(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "k.toml")
        file.write_text(text, encoding="utf-8", errors="replace")
        assert all("; " in problem for problem in _said(lambda: load(file, UPSTREAM, {})))


@given(value=st.one_of(st.booleans(), st.integers(-(10**9), 10**9), st.text(st.characters(codec="ascii", categories=("L", "N", "P", "S")))))
def test_values_are_shown_as_toml_reads_them(value: object) -> None:

    assert tomllib.loads(f"x = {toml_value(value)}")["x"] == value
