"""Typed settings from file, environment and flags; all problems reported at once."""

from kcproxy.settings.model import (
    AccountSettings,
    AddressSettings,
    ClientAuthMethod,
    ExplainSettings,
    ForwardedFields,
    HistorySettings,
    InboundSettings,
    InspectorSettings,
    LimitSettings,
    LogFormat,
    LogSettings,
    MetricSettings,
    Secret,
    Settings,
    UpstreamSettings,
)

__all__ = [
    "AccountSettings",
    "AddressSettings",
    "ClientAuthMethod",
    "ExplainSettings",
    "ForwardedFields",
    "HistorySettings",
    "InboundSettings",
    "InspectorSettings",
    "LimitSettings",
    "LogFormat",
    "LogSettings",
    "MetricSettings",
    "Secret",
    "Settings",
    "UpstreamSettings",
]
