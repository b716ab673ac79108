"""Settings for display: each value with its origin, secrets as stars."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kcproxy.settings.merge import toml_value
from kcproxy.settings.model import Settings
from kcproxy.settings.outbound_model import AccountSettings
from kcproxy.settings.schema import SETTINGS, value_of
from kcproxy.settings.values import AddressSettings, Secret

_SECRET_FILES = ("admin_key_file", "client_secret_file", "private_key_file", "assertion_file")
_LITERALS = ("admin_key", "client_secret")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The effective value of a setting. ``value`` can be encoded as JSON and is never a secret; None means not set."""

    key: str
    value: Any
    origin: str

    @property
    def line(self) -> str:
        """``key = value`` in TOML notation."""
        return f"{self.key} = {'(not set)' if self.value is None else toml_value(self.value)}"


def shown(settings: Settings) -> tuple[Shown, ...]:
    """Every setting in the order of the documentation; of accounts only those that are given."""
    return tuple(_shown(settings))


def _shown(settings: Settings) -> Iterator[Shown]:
    origins = settings.origins
    for row in SETTINGS:
        if row.section not in {"accounts", "inspector"} and (
            row.name not in _LITERALS or (row.key in origins and origins[row.key] != "default")
        ):
            yield Shown(key=row.key, value=_value(settings, row.key), origin=origins.get(row.key, "default"))
    for key in sorted(key for key in origins if key.startswith(("accounts[", "inspector."))):
        yield Shown(key=key, value=_account_value(settings, key), origin=origins[key])


def _value(settings: Settings, key: str) -> Any:
    return _plain(value_of(settings, key))


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
    if name == "client_secret_previous_file":
        return _secret(account.previous_secret, file=True)
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
    if isinstance(value, Secret):
        return "***"
    return str(value) if isinstance(value, Path | AddressSettings) or type(value).__module__.startswith("kcproxy") else value
