"""How a setting is declared: everything about it in one place, on the field of the settings value that it fills.

    workers: int = setting(1, integer(1, 64), "Worker processes …", unit="processes", change=Change.RESTART, flag="--workers")

The loader and its messages, the flags of ``kcproxy serve``, the reload policy, the watched files, the configuration file, its JSON
Schema and docs/settings.md all derive from the declarations; ``schema`` collects them.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from kcproxy.settings.types import Kind, file_path

PREFIX = "KCPROXY_"
"""What the names of all environment variables begin with."""
_SETTINGS, _TABLE = "settings", "table"
_REQUIRED = dataclasses.MISSING


class Change(StrEnum):
    """When a changed value takes effect."""

    RELOAD = "reload"
    RESTART = "restart"
    RESTART_TO_SWITCH_TLS = "reload; restart to switch TLS on or off"


class Content(StrEnum):
    """When changed content of a file takes effect."""

    AT_EACH_USE = "read at each use"
    WATCHED = "watched"
    AT_START = "read at start"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileUse:
    """What a change of a file's content does. ``effect`` completes the sentence "After a change, …"."""

    content: Content
    effect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting. ``key`` is its dotted name in the file; ``flag`` its option of ``serve``; ``shorthand`` a shorter variable.

    ``default_words`` describes a default that is not one value. ``file`` is set if and only if the setting names a file.
    """

    key: str
    kind: Kind
    doc: str
    change: Change
    unit: str = ""
    default: Any = None
    default_words: str = ""
    flag: str | None = None
    shorthand: str | None = None
    literal_only_in_environment: bool = False
    file: FileUse | None = None

    @property
    def section(self) -> str:
        """The TOML table that contains it, "" for the top level."""
        return self.key.rpartition(".")[0]

    @property
    def name(self) -> str:
        """Its name within the table."""
        return self.key.rpartition(".")[2]

    @property
    def variable(self) -> str:
        """Its environment variable: the shorthand if there is one."""
        return self.shorthand or variable_of(self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A TOML table: ``owner`` is the class whose fields declare its settings; ``doc`` is one sentence or more."""

    doc: str
    owner: type


def variable_of(key: str) -> str:
    """``upstream.ca_file`` → ``KCPROXY_UPSTREAM__CA_FILE``; ``accounts.…`` → ``KCPROXY_ACCOUNT__…``."""
    key = "account." + key.removeprefix("accounts.") if key.startswith("accounts.") else key
    return PREFIX + key.replace(".", "__").upper()


def setting(default: Any, kind: Kind, doc: str, *, change: Change, **parts: Any) -> Any:
    """A field that one setting of the same name fills. ``parts`` are further members of ``Setting``."""
    own = Setting(key="", kind=kind, doc=doc, change=change, default=default, **parts)
    return dataclasses.field(default=default, metadata={_SETTINGS: (own,)})


def file_setting(doc: str, *, change: Change, content: Content, effect: str) -> Any:
    """A field that holds the path of a file, not set by default."""
    return setting(None, file_path(), doc, change=change, file=FileUse(content=content, effect=effect))


def composed(*settings: Setting, default: Any = _REQUIRED) -> Any:
    """A field whose value is made of these settings, or of those of the field before it. Without ``default`` it is required."""
    return dataclasses.field(default=default, metadata={_SETTINGS: settings})


def table(doc: str, owner: type, *, default: Any = _REQUIRED, default_factory: Callable[[], Any] | None = None) -> Any:
    """A field that holds a TOML table, or a list of them."""
    metadata = {_TABLE: Table(doc=doc, owner=owner)}
    if default_factory is not None:
        return dataclasses.field(default_factory=default_factory, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def included(owner: type) -> Any:
    """A required field whose own settings stand in the same TOML table."""
    return dataclasses.field(metadata={_TABLE: Table(doc="", owner=owner)})


def settings_of(field: dataclasses.Field[Any]) -> tuple[Setting, ...] | None:
    """The settings that a field declares; None if it declares none in any way."""
    return field.metadata.get(_SETTINGS)


def plain_fields(owner: type) -> tuple[str, ...]:
    """Names of the fields that one setting of the same name fills."""
    declared = {field.name: settings_of(field) for field in dataclasses.fields(owner)}
    return tuple(name for name, settings in declared.items() if settings is not None and [each.key for each in settings] == [""])


def table_of(field: dataclasses.Field[Any]) -> Table | None:
    """The table that a field declares, if it does."""
    return field.metadata.get(_TABLE)
