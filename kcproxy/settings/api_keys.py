"""API keys of callers: a TOML file with the SHA-256 of each key, and what the caller may do with an injected token.

    [[keys]]
    name = "shop"
    sha256 = "…64 hexadecimal digits…"
    realms = ["demo"]                                   # left out: every realm
    methods = ["GET", "HEAD"]                           # left out: every method
    operations = ["GET /admin/realms/{realm}/users*"]   # left out: every operation that the account's own limit allows

A key is a long random word, not a password (``openssl rand -hex 32``), so a plain hash of it cannot be turned back.
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
from kcproxy.settings.lines import line_numbers

_DIGEST = re.compile(r"[0-9a-f]{64}")
_LISTS = ("realms", "methods", "operations")
_MEMBERS = frozenset({"name", "sha256", *_LISTS})
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_EXAMPLE = 'write [[keys]] with name = "…" and sha256 = "…" for each caller'
SERVER_WIDE_REALM = "master"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """Who has the key, and what it opens. Empty: no limit."""

    name: str
    realms: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()

    def opens(self, target: Target) -> bool:
        """Whether a request may be made with it."""
        if self.realms and (target.realm or SERVER_WIDE_REALM) not in self.realms:
            return False
        if self.methods and target.method not in self.methods:
            return False
        if not self.operations:
            return True
        if target.operation is None:
            return False
        operation = f"{target.operation.method} {target.operation.path}"
        return any(fnmatchcase(operation, pattern) for pattern in self.operations)


class ApiKeys:
    """All keys, by their hash."""

    def __init__(self, keys: Mapping[bytes, ApiKey]) -> None:
        """By SHA-256 of the key."""
        self._keys = dict(keys)

    def find(self, key: bytes) -> ApiKey | None:
        """Whose key that is. Looking up a hash tells nobody by its duration how much of a key was right."""
        return self._keys.get(hashlib.sha256(key).digest())


def read_keys(file: Path) -> ApiKeys:
    """The keys of a file. SettingsError with every problem in it, each with its line and a remedy; no problem ever shows a hash."""
    try:
        text = text_of(file)
        document = tomllib.loads(text)
    except OSError as error:
        raise SettingsError([f"{file}: cannot be read ({error.strerror}); name a file of API keys that is there"]) from error
    except UnicodeDecodeError as error:
        raise SettingsError([f"{file}: is not UTF-8; save it as UTF-8, as TOML wants it"]) from error
    except RecursionError as error:
        raise SettingsError([f"{file}: its values are nested too deeply; {_EXAMPLE}"]) from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([f"{file}: cannot be read as TOML{_place_in(str(error))}; {_EXAMPLE}"]) from error
    tables = document.get("keys")
    if not isinstance(tables, list) or not tables or set(document) != {"keys"}:
        raise SettingsError([f"{file}: holds no [[keys]], or more than those; {_EXAMPLE}"])
    return _keys_of(file, tables, line_numbers(text))


def _keys_of(file: Path, tables: Sequence[Any], lines: Mapping[str, int]) -> ApiKeys:
    problems: list[str] = []
    keys: dict[bytes, ApiKey] = {}
    for index, table in enumerate(tables):
        place = f"{file}:{lines.get(f'keys[{index}]', 1)}"
        found = list(_problems(table))
        if not found and bytes.fromhex(table["sha256"]) in keys:
            found.append("two callers have the same key; give each one of his own")
        problems += [f"{place}: {problem}" for problem in found]
        if not found:
            keys[bytes.fromhex(table["sha256"])] = _key(table)
    if problems:
        raise SettingsError(problems)
    return ApiKeys(keys)


def _key(table: Mapping[str, Any]) -> ApiKey:
    return ApiKey(name=table["name"], **{member: tuple(table.get(member, ())) for member in _LISTS})


def _problems(table: Any) -> Iterator[str]:
    if not isinstance(table, dict):
        yield f"is no table; {_EXAMPLE}"
        return
    for name in sorted(set(table) - _MEMBERS):
        yield f"{name!r} is not known; there are {', '.join(sorted(_MEMBERS))}"
    name, digest = table.get("name"), table.get("sha256")
    if not isinstance(name, str) or not name or not name.isprintable():
        yield 'name is missing; say who has the key: name = "shop"'
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        yield "sha256 is not 64 lower-case hexadecimal digits; write the key's hash, not the key: printf %s KEY | sha256sum"
    for member in _LISTS:
        value = table.get(member, ["*"])
        if not isinstance(value, list) or not value or not all(isinstance(item, str) and item for item in value):
            yield f"{member} is no list of texts, or an empty one; leave it out where there is no limit"
    methods = table.get("methods", [])
    if isinstance(methods, list) and any(isinstance(method, str) and method not in _METHODS for method in methods):
        yield f"methods has one to which no token is ever added; there are {', '.join(sorted(_METHODS))}"


def _place_in(error: str) -> str:
    """Where the parser stopped; its words are left out, for they may quote what stands there."""
    found = re.search(r"\(at (line \d+), column \d+\)", error)
    return f" at {found[1]}" if found else ""
