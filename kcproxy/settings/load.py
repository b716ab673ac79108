"""Settings from file, environment and flags, checked, as frozen values. Every problem is reported at once."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kcproxy.errors import SettingsError
from kcproxy.settings import model as values
from kcproxy.settings.accounts import account, inspector, secret
from kcproxy.settings.given import Findings
from kcproxy.settings.merge import Resolved, resolve
from kcproxy.settings.model import AddressSettings, Settings, UpstreamSettings
from kcproxy.settings.schema import FIELDS
from kcproxy.settings.validation import check_together


def load(file: Path | None, environ: Mapping[str, str], flags: Mapping[str, Any]) -> Settings:
    """The settings: ``flags`` (by key: ``upstream.url``, ``listen``; None = not given) over ``environ`` over ``file``.

    Without ``file`` the one that KCPROXY_CONFIG names is read, if any. SettingsError holds all problems, each a complete line:
    place, what is wrong, remedy. ``Settings.notes`` holds what works, but should be known; neither ever holds a secret.
    """
    findings = Findings()
    resolved = resolve(file, environ, flags, findings)
    check_together(resolved, environ, findings)
    if findings.problems:
        raise SettingsError(findings.problems)
    return _build(resolved, tuple(findings.notes))


def admin_address(file: Path | None, environ: Mapping[str, str], flags: Mapping[str, Any]) -> AddressSettings:
    """Only where the admin port is, for health probes, which must not depend on anything else. SettingsError where that cannot be read."""
    findings = Findings()
    resolved = resolve(file, environ, flags, findings)
    if "admin_listen" in resolved.broken:
        raise SettingsError(findings.problems)
    address = resolved.value("admin_listen")
    if not isinstance(address, AddressSettings):
        raise TypeError("admin_listen is no address")
    return address


def _build(resolved: Resolved, notes: tuple[str, ...]) -> Settings:
    accounts = tuple(account(resolved, f"accounts[{index}].") for index in range(resolved.accounts))
    return Settings(
        upstream=_upstream(resolved),
        listen=resolved.value("listen"),
        admin_listen=resolved.value("admin_listen"),
        admin_key=secret(resolved, "admin_key", "admin_key_file"),
        accounts=accounts,
        inspector=inspector(resolved),
        explain=_section(values.ExplainSettings, "explain", resolved),
        limits=_section(values.LimitSettings, "limits", resolved),
        log=_section(values.LogSettings, "log", resolved),
        metrics=_section(values.MetricSettings, "metrics", resolved),
        history=_section(values.HistorySettings, "history", resolved),
        inbound=_section(values.InboundSettings, "inbound", resolved),
        drain_seconds=resolved.value("drain_seconds"),
        workers=resolved.value("workers"),
        origins=_origins(resolved),
        notes=notes,
    )


def _section(owner: type[Any], name: str, resolved: Resolved) -> Any:
    return owner(**{field.name: resolved.value(f"{name}.{field.name}") for field in fields(owner)})


def _upstream(resolved: Resolved) -> UpstreamSettings:
    parts = urlsplit(resolved.values["upstream.url"])
    rest = {field.name for field in fields(UpstreamSettings)} - {"scheme", "host", "port", "base_path"}
    return UpstreamSettings(
        scheme=parts.scheme,
        host=parts.hostname or "",
        port=parts.port or {"http": 80, "https": 443}[parts.scheme],
        base_path=parts.path.rstrip("/"),
        **{name: resolved.value("upstream." + name) for name in rest},
    )


def _origins(resolved: Resolved) -> dict[str, str]:
    plain = {field.key: "default" for field in FIELDS if field.section not in {"accounts", "inspector"}}
    return plain | {key: item.origin for key, item in resolved.given.items()}
