"""Merges file, environment and flags into one set of values: the higher layer wins for each setting."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kcproxy.settings.declaration import Setting
from kcproxy.settings.schema import BY_KEY
from kcproxy.settings.sources import SINGLE, Findings, Flat, Given, Layer, config_file, read_environment, read_file, read_flags
from kcproxy.visible import is_visible

EXCLUSIVE = (
    ("realm", "realms"),
    ("client_secret", "client_secret_file", "private_key_file", "assertion_file"),
    ("admin_key", "admin_key_file"),
    ("path", "url"),
)
"""Alternatives: settings for the same value. One in a higher layer displaces the others in lower layers."""

_ACCOUNT = re.compile(r"accounts\[(\d+)\]\.")


@dataclass(slots=True)
class Resolved:
    """The raw values by key, and the values read from them. ``broken``: keys whose raw value could not be read.

    ``file`` is the configuration file, if there is one. ``file_is_unread``: it could not be read, so what it sets is unknown.
    """

    given: Flat
    file: Path | None = None
    file_is_unread: bool = False
    values: dict[str, Any] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)

    @property
    def accounts(self) -> int:
        """Number of accounts."""
        return 1 + max((int(match[1]) for key in self.given if (match := _ACCOUNT.match(key))), default=-1)

    def has(self, key: str) -> bool:
        """True if it is given, readable or not."""
        return key in self.given

    def value(self, key: str) -> Any:
        """The value, or the default."""
        return self.values[key] if key in self.values else BY_KEY[setting_key(key)].default

    def location(self, key: str) -> str:
        """The start of a message about this key."""
        return self.given[key].location if key in self.given else key


def setting_key(key: str) -> str:
    """``accounts[0].realm`` → ``accounts.realm``."""
    return _ACCOUNT.sub("accounts.", key)


def resolve(file: Path | None, environ: Mapping[str, str], flags: Mapping[str, Any], findings: Findings) -> Resolved:
    """Read and merge all three layers. ``file`` None: the file that KCPROXY_CONFIG names, if any. ``flags`` by key; None means not given."""
    path = config_file(file, environ)
    read = read_file(path, findings) if path else {}
    given = read or {}
    given |= _numbered(read_environment(environ, findings), given, findings)
    given |= read_flags(flags)
    given = _displaced(given)
    resolved = Resolved(given=given, file=path, file_is_unread=read is None)
    for key, item in given.items():
        _read(key, item, resolved, findings)
    return resolved


def _numbered(environment: Flat, file: Flat, findings: Findings) -> Flat:
    """Assign the single-account shorthand to the only account; report gaps in numbered accounts."""
    single = {key.removeprefix(SINGLE): item for key, item in environment.items() if key.startswith(SINGLE)}
    rest = {key: item for key, item in environment.items() if not key.startswith(SINGLE)}
    numbers = _numbers(file) | _numbers(rest)
    if single and numbers - {0}:
        location = min(item.location for item in single.values())
        findings.problem(
            location,
            f"there are {len(numbers)} accounts, but this variable is for a single account",
            "use KCPROXY_ACCOUNTS__0__… for the first account",
        )
        return rest
    missing = set(range(max(numbers, default=-1) + 1)) - numbers
    if missing:
        location = min(item.location for key, item in rest.items() if _ACCOUNT.match(key))
        findings.problem(
            location,
            f"there is no account number {min(missing)}",
            "number the accounts from 0 without gaps, starting with those of the file",
        )
        rest = {key: item for key, item in rest.items() if not _ACCOUNT.match(key)}
    return rest | {f"accounts[0].{name}": item for name, item in single.items()}


def _numbers(flat: Flat) -> set[int]:
    return {int(match[1]) for key in flat if (match := _ACCOUNT.match(key))}


def _displaced(given: Flat) -> Flat:
    dropped = set()
    for key, item in given.items():
        dropped |= {other for other in alternatives(key) if other in given and given[other].layer < item.layer}
    return {key: item for key, item in given.items() if key not in dropped}


def alternatives(key: str) -> Iterator[str]:
    """The other keys of the same table that set the same value."""
    section, dot, name = key.rpartition(".")
    for group in EXCLUSIVE:
        if name in group:
            yield from (section + dot + other for other in group if other != name and setting_key(section + dot + other) in BY_KEY)


def _read(key: str, item: Given, resolved: Resolved, findings: Findings) -> None:
    row = BY_KEY[setting_key(key)]
    try:
        resolved.values[key] = row.kind.read(item.raw)
    except ValueError as error:
        resolved.broken.add(key)
        what = f"{key}: {error}" if item.layer is Layer.FILE else str(error)
        findings.problem(item.location, what, _remedy(row, item.layer))


def _remedy(row: Setting, layer: Layer) -> str:
    example = _example(row)
    if not example:
        return f"give {row.kind.words}"
    match layer:
        case Layer.FLAG:
            return f"for example {row.flag} {example}"
        case Layer.ENVIRONMENT:
            return f"for example {row.variable}={example}"
        case _:
            return f"for example {row.name} = {toml_value(sample(row, example))}"


def _example(row: Setting) -> str:
    if row.default is None or row.default == ():
        return row.kind.example
    return str(row.default).lower() if isinstance(row.default, bool) else str(row.default)


def sample(row: Setting, example: str) -> Any:
    """The default, or ``example`` as a value of the setting's TOML type: true, a list, or a string."""
    if row.default not in {None, ()}:
        return row.default
    match row.kind.schema.get("type"):
        case "boolean":
            return example == "true"
        case "array":
            return (example,)
        case _:
            return example


def toml_value(value: object) -> str:
    """A value in TOML notation."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if isinstance(value, tuple | list):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    return '"' + "".join(map(_toml_character, str(value))) + '"'


def _toml_character(character: str) -> str:
    """A character of a basic string (TOML 1.0, section String), escaped if it is invisible."""
    if character in '"\\':
        return f"\\{character}"
    if is_visible(character):
        return character
    return f"\\u{ord(character):04X}" if ord(character) <= 0xFFFF else f"\\U{ord(character):08X}"
