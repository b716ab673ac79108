"""API keys of callers: a TOML file with the SHA-256 of each key, and the operations that the caller may use with an injected token.

    [[keys]]
    name = "shop"
    sha256 = "…64 hexadecimal digits…"
    realms = ["demo"]                                   # default: every realm
    methods = ["GET", "HEAD"]                           # default: every method
    operations = ["GET /admin/realms/{realm}/users*"]   # default: every operation that the account allows
    mode = "observe"                                    # default: "enforce"; "observe" reports what operations would refuse

A key is long and random, not a password (``openssl rand -hex 32``), so a plain hash of it cannot be reversed.
"""

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from kcproxy.errors import SettingsError
from kcproxy.model import Target
from kcproxy.settings.file_reading import text_of
from kcproxy.settings.sources import line_numbers
from kcproxy.settings.values import LimitMode

_DIGEST = re.compile(r"[0-9a-f]{64}")
_LISTS = ("realms", "methods", "operations")
_MEMBERS = frozenset({"name", "sha256", "mode", *_LISTS})
_MODES = tuple(mode.value for mode in LimitMode)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_EXAMPLE = 'write [[keys]] with name = "…" and sha256 = "…" for each caller'
SERVER_WIDE_REALM = "master"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """The holder of a key, and the requests it is valid for. Empty means no limit."""

    name: str
    realms: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()
    mode: LimitMode = LimitMode.ENFORCE

    def opens(self, target: Target) -> bool:
        """True if the key is valid for a request. In mode ``observe``, ``operations`` limit nothing."""
        if self.realms and (target.realm or SERVER_WIDE_REALM) not in self.realms:
            return False
        if self.methods and target.method not in self.methods:
            return False
        return self.mode is LimitMode.OBSERVE or self.within_operations(target)

    def within_operations(self, target: Target) -> bool:
        """True if ``operations`` has the operation of a request, or if there is no limit."""
        if not self.operations:
            return True
        if target.operation is None:
            return False
        operation = f"{target.operation.method} {target.operation.path}"
        return any(fnmatchcase(operation, pattern) for pattern in self.operations)


class ApiKeys:
    """All keys by their hash."""

    def __init__(self, keys: Mapping[bytes, ApiKey]) -> None:
        """``keys``: by SHA-256 of the key."""
        self._keys = dict(keys)
        self.are_observed = any(key.mode is LimitMode.OBSERVE for key in keys.values())
        """Whether the limit of one of them is only observed."""

    def find(self, key: bytes) -> ApiKey | None:
        """The key, if it is known. It is looked up by its hash, so the duration reveals nothing about a correct prefix."""
        return self._keys.get(hashlib.sha256(key).digest())


def read_keys(file: Path) -> ApiKeys:
    """The keys of a file. Raises SettingsError with every problem, each with its line and a remedy, and without a hash."""
    try:
        text = text_of(file)
        document = tomllib.loads(text)
    except OSError as error:
        raise SettingsError([f"{file}: cannot be read ({error.strerror}); give the path of an existing file of API keys"]) from error
    except UnicodeDecodeError as error:
        raise SettingsError([f"{file}: is not UTF-8; save it as UTF-8, which TOML requires"]) from error
    except RecursionError as error:
        raise SettingsError([f"{file}: its values are nested too deeply; {_EXAMPLE}"]) from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([f"{file}: is not valid TOML{_location_in(str(error))}; {_EXAMPLE}"]) from error
    tables = document.get("keys")
    if not isinstance(tables, list) or not tables or set(document) != {"keys"}:
        raise SettingsError([f"{file}: has no [[keys]], or other tables; {_EXAMPLE}"])
    return _keys_of(file, tables, line_numbers(text))


def _keys_of(file: Path, tables: Sequence[Any], lines: Mapping[str, int]) -> ApiKeys:
    problems: list[str] = []
    keys: dict[bytes, ApiKey] = {}
    for index, table in enumerate(tables):
        location = f"{file}:{lines.get(f'keys[{index}]', 1)}"
        found = list(_problems(table))
        if not found and bytes.fromhex(table["sha256"]) in keys:
            found.append("two callers have the same key; give each their own")
        problems += [f"{location}: {problem}" for problem in found]
        if not found:
            keys[bytes.fromhex(table["sha256"])] = _key(table)
    if problems:
        raise SettingsError(problems)
    return ApiKeys(keys)


def _key(table: Mapping[str, Any]) -> ApiKey:
    mode = LimitMode(table.get("mode", LimitMode.ENFORCE.value))
    return ApiKey(name=table["name"], mode=mode, **{member: tuple(table.get(member, ())) for member in _LISTS})


def _problems(table: Any) -> Iterator[str]:
    if not isinstance(table, dict):
        yield f"is not a table; {_EXAMPLE}"
        return
    for name in sorted(set(table) - _MEMBERS):
        yield f"{name!r} is not a member; members are {', '.join(sorted(_MEMBERS))}"
    name, digest = table.get("name"), table.get("sha256")
    if not isinstance(name, str) or not name or not name.isprintable():
        yield 'name is missing; name the holder of the key: name = "shop"'
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        yield "sha256 is not 64 lowercase hexadecimal digits; write the hash of the key, not the key: printf %s KEY | sha256sum"
    for member in _LISTS:
        value = table.get(member, ["*"])
        if not isinstance(value, list) or not value or not all(isinstance(item, str) and item for item in value):
            yield f"{member} is empty or not a list of strings; remove it if there is no limit"
    if table.get("mode", LimitMode.ENFORCE.value) not in _MODES:
        yield f"mode is not one of {', '.join(_MODES)}; remove it to enforce the limits"
    methods = table.get("methods", [])
    if isinstance(methods, list) and any(isinstance(method, str) and method not in _METHODS for method in methods):
        yield f"methods contains a method to which no token is added; valid are {', '.join(sorted(_METHODS))}"


def _location_in(error: str) -> str:
    """The location at which the parser stopped, without its message, which may quote the file."""
    found = re.search(r"\(at (line \d+), column \d+\)", error)
    return f" at {found[1]}" if found else ""
