"""Settings for the eye: each value with its origin, secrets starred."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kcproxy.settings.merge import toml_value
from kcproxy.settings.model import AccountSettings, AddressSettings, Secret, Settings
from kcproxy.settings.schema import FIELDS

_SECRET_FILES = ("admin_key_file", "client_secret_file", "private_key_file", "assertion_file")
_LITERALS = ("admin_key", "client_secret")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One setting as it took effect. ``value`` is JSON-ready and never a secret; None where nothing is set."""

    key: str
    value: Any
    origin: str

    @property
    def line(self) -> str:
        """``key = value`` in TOML's notation."""
        return f"{self.key} = {'(not set)' if self.value is None else toml_value(self.value)}"


def shown(settings: Settings) -> tuple[Shown, ...]:
    """Every setting in the order of the documentation; of accounts only what was given."""
    return tuple(_shown(settings))


def _shown(settings: Settings) -> Iterator[Shown]:
    origins = settings.origins
    for row in FIELDS:
        if row.section not in {"accounts", "inspector"} and (
            row.name not in _LITERALS or (row.key in origins and origins[row.key] != "default")
        ):
            yield Shown(key=row.key, value=_value(settings, row.key), origin=origins.get(row.key, "default"))
    for key in sorted(key for key in origins if key.startswith(("accounts[", "inspector."))):
        yield Shown(key=key, value=_account_value(settings, key), origin=origins[key])


def _value(settings: Settings, key: str) -> Any:
    if key == "upstream.url":
        return settings.upstream.url
    if key in {"admin_key", "admin_key_file"}:
        return _secret(settings.admin_key, file=key.endswith("_file"))
    value: Any = settings
    for name in key.split("."):
        value = getattr(value, name)
    return _plain(value)


def _account_value(settings: Settings, key: str) -> Any:
    section, _, name = key.rpartition(".")
    if section == "inspector":
        if settings.inspector is None:
            return None
        if not hasattr(settings.inspector.account, name) and hasattr(settings.inspector, name):
            return _plain(getattr(settings.inspector, name))
        return _of_account(settings.inspector.account, name)
    return _of_account(settings.accounts[int(section.removeprefix("accounts[").rstrip("]"))], name)


def _of_account(account: AccountSettings, name: str) -> Any:
    if name in _SECRET_FILES or name in _LITERALS:
        return _secret(account.secret, file=name.endswith("_file"))
    return account.realms[0] if name == "realm" else _plain(getattr(account, name))


def _secret(secret: Secret | None, *, file: bool) -> str | None:
    if secret is None:
        return None
    return (str(secret.path) if secret.path else None) if file else "***"


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path | AddressSettings) or type(value).__module__.startswith("kcproxy") else value
