"""Loads the settings from file, environment and flags, checks them, and returns frozen values."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kcproxy.errors import SettingsError
from kcproxy.settings.accounts import account, inspector, secret
from kcproxy.settings.declaration import plain_fields
from kcproxy.settings.merge import Resolved, resolve
from kcproxy.settings.model import HistorySettings, Settings, use_path_beside
from kcproxy.settings.outbound_model import UpstreamSettings
from kcproxy.settings.schema import SETTINGS, TABLES
from kcproxy.settings.sources import Findings
from kcproxy.settings.validation import check_together
from kcproxy.settings.values import AddressSettings


def load(file: Path | None, environ: Mapping[str, str], flags: Mapping[str, Any]) -> Settings:
    """The settings: ``flags`` (by key: ``upstream.url``, ``listen``; None = not given) over ``environ`` over ``file``.

    Without ``file``, the file that KCPROXY_CONFIG names is read, if any. Raises SettingsError with all problems, each a complete line:
    location, problem, remedy. ``Settings.notes`` has warnings. Neither contains a secret.
    """
    findings = Findings()
    resolved = resolve(file, environ, flags, findings)
    check_together(resolved, environ, findings)
    if findings.problems:
        raise SettingsError(findings.problems)
    return _build(resolved, tuple(findings.notes))


def admin_address(file: Path | None, environ: Mapping[str, str], flags: Mapping[str, Any]) -> AddressSettings:
    """The address of the admin port alone: a health probe must not depend on other settings. Raises SettingsError if it cannot be read."""
    findings = Findings()
    resolved = resolve(file, environ, flags, findings)
    if "admin_listen" in resolved.broken:
        raise SettingsError(findings.problems)
    address = resolved.value("admin_listen")
    if not isinstance(address, AddressSettings):
        raise TypeError("admin_listen is not an address")
    return address


def use_place(file: Path | None, environ: Mapping[str, str]) -> Path | HistorySettings | None:
    """The file of the record of use alone, or its database; None if the settings name none.

    Raises SettingsError if it cannot be read from them.
    """
    findings = Findings()
    resolved = resolve(file, environ, {}, findings)
    if {"use.path", *_HISTORY} & resolved.broken:
        raise SettingsError(findings.problems)
    own, history = resolved.value("use.path"), resolved.value("history.path")
    if own is None and history is None and (place := _history(resolved)) is not None:
        return place
    return own if own is not None or history is None else use_path_beside(history)


def server_of(
    file: Path | None, environ: Mapping[str, str], flags: Mapping[str, Any] | None = None
) -> tuple[str | None, UpstreamSettings | None]:
    """The version of Keycloak that the settings name, and the server, each None if they do not. Raises SettingsError if that cannot be read from them."""
    findings = Findings()
    resolved = resolve(file, environ, flags or {}, findings)
    if any(key.startswith("upstream.") or key == _VERSION for key in resolved.broken):
        raise SettingsError(findings.problems)
    return resolved.value(_VERSION), None if resolved.value("upstream.url") is None else _upstream(resolved)


_VERSION = "explain.keycloak_version"


def history_database(file: Path | None, environ: Mapping[str, str]) -> HistorySettings | None:
    """The shared database alone; None if the settings name none. Raises SettingsError if it cannot be read from them."""
    findings = Findings()
    resolved = resolve(file, environ, {}, findings)
    if _HISTORY & resolved.broken:
        raise SettingsError(findings.problems)
    return _history(resolved)


def _history(resolved: Resolved) -> HistorySettings | None:
    if resolved.value("history.url") is None:
        return None
    return HistorySettings(url=resolved.value("history.url"), password_file=resolved.value("history.password_file"))


_HISTORY = {"history.path", "history.url", "history.password_file"}


def _build(resolved: Resolved, notes: tuple[str, ...]) -> Settings:
    made: dict[str, Any] = {
        "upstream": _upstream(resolved),
        "admin_key": secret(resolved, "admin_key", "admin_key_file"),
        "accounts": tuple(account(resolved, f"accounts[{index}].") for index in range(resolved.accounts)),
        "inspector": inspector(resolved),
    }
    top = {name: resolved.value(name) for name in plain_fields(Settings)}
    tables = {name: table.owner(**_plain(table.owner, name, resolved)) for name, table in TABLES.items() if name not in made}
    return Settings(**made, **top, **tables, origins=_origins(resolved), notes=notes)


def _plain(owner: type, section: str, resolved: Resolved) -> dict[str, Any]:
    return {name: resolved.value(f"{section}.{name}") for name in plain_fields(owner)}


def _upstream(resolved: Resolved) -> UpstreamSettings:
    parts = urlsplit(resolved.values["upstream.url"])
    return UpstreamSettings(
        scheme=parts.scheme,
        host=parts.hostname or "",
        port=parts.port or {"http": 80, "https": 443}[parts.scheme],
        base_path=parts.path.rstrip("/"),
        **_plain(UpstreamSettings, "upstream", resolved),
    )


def _origins(resolved: Resolved) -> dict[str, str]:
    plain = {setting.key: "default" for setting in SETTINGS if setting.section not in {"accounts", "inspector"}}
    return plain | {key: item.origin for key, item in resolved.given.items()}
