"""API keys of callers: a TOML file with the SHA-256 of each key, and what the caller may do with an injected token.

    [[keys]]
    name = "shop"
    sha256 = "…64 hexadecimal digits…"
    realms = ["demo"]                                   # left out: every realm
    operations = ["GET /admin/realms/{realm}/users*"]   # left out: every operation that the account's own limit allows

A key is a long random word, not a password (``openssl rand -hex 32``), so a plain hash of it cannot be turned back.
"""

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from kcproxy.errors import SettingsError
from kcproxy.model import Target

_DIGEST = re.compile(r"[0-9a-f]{64}")
_MEMBERS = frozenset({"name", "sha256", "realms", "operations"})
SERVER_WIDE_REALM = "master"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """Who has the key, and what it opens. Empty: no limit."""

    name: str
    realms: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()

    def opens(self, target: Target) -> bool:
        """Whether a request may be made with it."""
        if self.realms and (target.realm or SERVER_WIDE_REALM) not in self.realms:
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
    """The keys of a file. SettingsError with every problem in it; no problem ever shows a hash."""
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError([f"inbound.api_keys_file: {file} cannot be read as TOML: {type(error).__name__}"]) from error
    tables = document.get("keys")
    if not isinstance(tables, list) or not tables or set(document) != {"keys"}:
        raise SettingsError([f"inbound.api_keys_file: {file} holds no [[keys]], or more than those; write one for each caller"])
    problems: list[str] = []
    keys: dict[bytes, ApiKey] = {}
    for number, table in enumerate(tables, 1):
        found = _problems(table)
        problems += [f"inbound.api_keys_file: {file}: keys[{number}]: {problem}" for problem in found]
        if not found:
            keys[bytes.fromhex(table["sha256"])] = _key(table)
    if not problems and len(keys) < len(tables):
        problems.append(f"inbound.api_keys_file: {file}: two callers have the same key; give each one of his own")
    if problems:
        raise SettingsError(problems)
    return ApiKeys(keys)


def _key(table: Mapping[str, Any]) -> ApiKey:
    return ApiKey(name=table["name"], realms=tuple(table.get("realms", ())), operations=tuple(table.get("operations", ())))


def _problems(table: Any) -> list[str]:
    if not isinstance(table, dict):
        return ["is no table; write [[keys]]"]
    problems = [f"{name!r} is not known; there are {', '.join(sorted(_MEMBERS))}" for name in sorted(set(table) - _MEMBERS)]
    name, digest = table.get("name"), table.get("sha256")
    if not isinstance(name, str) or not name or not name.isprintable():
        problems.append("name is missing; say who has the key")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        problems.append("sha256 is not 64 lower-case hexadecimal digits; write the key's hash, not the key: printf %s KEY | sha256sum")
    for member in ("realms", "operations"):
        value = table.get(member, ["*"])
        if not isinstance(value, list) or not value or not all(isinstance(item, str) and item for item in value):
            problems.append(f"{member} is no list of texts, or an empty one; leave it out where there is no limit")
    return problems
