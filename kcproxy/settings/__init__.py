"""Typed settings from file, environment and flags. All problems are reported at once."""

from kcproxy.settings.database import DatabaseUrl
from kcproxy.settings.inbound_model import InboundSettings, LimitSettings
from kcproxy.settings.model import (
    ExplainSettings,
    FleetSettings,
    HistorySettings,
    LogSettings,
    MetricSettings,
    Settings,
    UseSettings,
    use_path_beside,
)
from kcproxy.settings.outbound_model import AccountSettings, InspectorSettings, UpstreamSettings
from kcproxy.settings.values import AddressSettings, ClientAuthMethod, ForwardedFields, LimitMode, LogFormat, Secret

__all__ = [
    "AccountSettings",
    "AddressSettings",
    "ClientAuthMethod",
    "DatabaseUrl",
    "ExplainSettings",
    "FleetSettings",
    "ForwardedFields",
    "HistorySettings",
    "InboundSettings",
    "InspectorSettings",
    "LimitMode",
    "LimitSettings",
    "LogFormat",
    "LogSettings",
    "MetricSettings",
    "Secret",
    "Settings",
    "UpstreamSettings",
    "UseSettings",
    "use_path_beside",
]
