"""File, environment and flags to one set of read values: the higher layer wins, setting by setting."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kcproxy.settings.environment import CONFIG_VARIABLE, SINGLE, read_environment
from kcproxy.settings.file import read_file
from kcproxy.settings.given import Findings, Flat, Given, Layer
from kcproxy.settings.schema import BY_KEY, Field
from kcproxy.visible import is_visible

EXCLUSIVE = (
    ("realm", "realms"),
    ("client_secret", "client_secret_file", "private_key_file", "assertion_file"),
    ("admin_key", "admin_key_file"),
)
"""Settings that say the same thing in different ways; a higher layer's one displaces a lower layer's others."""

_ACCOUNT = re.compile(r"accounts\[(\d+)\]\.")


@dataclass(slots=True)
class Resolved:
    """What was given, by key, and what was read of it. ``broken`` are keys that were given and could not be read.

    ``file`` is the configuration file, where there is one.
    """

    given: Flat
    file: Path | None = None
    values: dict[str, Any] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)

    @property
    def accounts(self) -> int:
        """How many accounts there are."""
        return 1 + max((int(match[1]) for key in self.given if (match := _ACCOUNT.match(key))), default=-1)

    def has(self, key: str) -> bool:
        """Whether it was written, readable or not."""
        return key in self.given

    def value(self, key: str) -> Any:
        """The read value, or the default."""
        return self.values[key] if key in self.values else BY_KEY[field_key(key)].default

    def place(self, key: str) -> str:
        """What a message about this key begins with."""
        return self.given[key].place if key in self.given else key


def field_key(key: str) -> str:
    """``accounts[0].realm`` → ``accounts.realm``."""
    return _ACCOUNT.sub("accounts.", key)


def resolve(file: Path | None, environ: Mapping[str, str], flags: Mapping[str, Any], findings: Findings) -> Resolved:
    """Read all three layers. ``file`` None: the one that KCPROXY_CONFIG names, if any. ``flags`` by key; None means not given."""
    path = file or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
    given = read_file(path, findings) if path else {}
    given |= _placed(read_environment(environ, findings), given, findings)
    given |= _flags(flags)
    given = _displaced(given)
    resolved = Resolved(given=given, file=path)
    for key, item in given.items():
        _read(key, item, resolved, findings)
    return resolved


def _flags(flags: Mapping[str, Any]) -> Flat:
    given = {key: raw for key, raw in flags.items() if raw is not None}
    return {key: Given(raw=raw, place=BY_KEY[key].flag or key, layer=Layer.FLAG) for key, raw in given.items()}


def _placed(environment: Flat, file: Flat, findings: Findings) -> Flat:
    """The single-account shorthand becomes the one account there is; gaps in numbered accounts are reported."""
    single = {key.removeprefix(SINGLE): item for key, item in environment.items() if key.startswith(SINGLE)}
    rest = {key: item for key, item in environment.items() if not key.startswith(SINGLE)}
    numbers = _numbers(file) | _numbers(rest)
    if single and numbers - {0}:
        place = min(item.place for item in single.values())
        findings.problem(
            place, f"there are {len(numbers)} accounts, and this is short for the only one", "write KCPROXY_ACCOUNTS__0__… for the first"
        )
        return rest
    missing = set(range(max(numbers, default=-1) + 1)) - numbers
    if missing:
        place = min(item.place for key, item in rest.items() if _ACCOUNT.match(key))
        findings.problem(place, f"there is no account number {min(missing)}", "count accounts from 0 without gaps, those of the file first")
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
    """The other keys of the same table that say the same thing."""
    section, dot, name = key.rpartition(".")
    for group in EXCLUSIVE:
        if name in group:
            yield from (section + dot + other for other in group if other != name and field_key(section + dot + other) in BY_KEY)


def _read(key: str, item: Given, resolved: Resolved, findings: Findings) -> None:
    row = BY_KEY[field_key(key)]
    try:
        resolved.values[key] = row.kind.read(item.raw)
    except ValueError as error:
        resolved.broken.add(key)
        what = f"{key}: {error}" if item.layer is Layer.FILE else str(error)
        findings.problem(item.place, what, _remedy(row, item.layer))


def _remedy(row: Field, layer: Layer) -> str:
    example = _example(row)
    if not example:
        return f"give {row.kind.words}"
    match layer:
        case Layer.FLAG:
            return f"for example {row.flag} {example}"
        case Layer.ENVIRONMENT:
            return f"for example {row.variable}={example}"
        case _:
            return f"for example {row.name} = {toml_value(example if row.default in {None, ()} else row.default)}"


def _example(row: Field) -> str:
    if row.default is None or row.default == ():
        return row.kind.example
    return str(row.default).lower() if isinstance(row.default, bool) else str(row.default)


def toml_value(value: object) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if isinstance(value, tuple | list):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    return '"' + "".join(map(_toml_character, str(value))) + '"'


def _toml_character(character: str) -> str:
    """A character of a basic string (TOML 1.0, section String), escaped where it cannot be seen."""
    if character in '"\\':
        return f"\\{character}"
    if is_visible(character):
        return character
    return f"\\u{ord(character):04X}" if ord(character) <= 0xFFFF else f"\\U{ord(character):08X}"
