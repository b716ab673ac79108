"""The kinds of values that settings can have: how each is read from text and from TOML, and its name in a message.

A reader takes the raw value and returns the typed one, or raises ValueError with the reason. A reason never repeats a raw value that
could be a secret (a URL's credentials).
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kcproxy import network
from kcproxy.settings.values import AddressSettings

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})
_SHOWN_LENGTH = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of value. ``words`` complete the sentence "must be …"; ``schema`` is its JSON Schema; ``metavar`` stands for it in help."""

    words: str
    read: Callable[[Any], Any]
    schema: Mapping[str, Any]
    example: str = field(default="")
    metavar: str = "TEXT"
    secret: bool = False
    holds_secret: Callable[[Any], bool] | None = None
    """Whether a raw value contains a secret, which does not belong into a file; for kinds that can contain one."""


def quoted(raw: object) -> str:
    """The raw value, short enough for a message."""
    text = json.dumps(raw, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN_LENGTH else text[: _SHOWN_LENGTH - 1] + "…"


def _refused(raw: object, words: str) -> ValueError:
    return ValueError(f"{quoted(raw)} is not {words}")


def text(words: str, *, pattern: str | None = None, example: str = "", metavar: str = "TEXT") -> Kind:
    """A non-empty string that ``pattern``, if given, matches completely."""

    def read(raw: Any) -> str:
        if not isinstance(raw, str) or not raw.strip() or (pattern and not re.fullmatch(pattern, raw)):
            raise _refused(raw, words)
        return raw

    schema = {"type": "string", "minLength": 1} | ({"pattern": f"^(?:{pattern})$"} if pattern else {})
    return Kind(words=words, read=read, schema=schema, example=example, metavar=metavar)


def integer(least: int, most: int) -> Kind:
    """A whole number between two bounds, inclusive."""
    words = f"a whole number from {least} to {most}"

    def read(raw: Any) -> int:
        if isinstance(raw, bool) or not isinstance(raw, int | str) or not re.fullmatch(r"-?[0-9]{1,15}", str(raw).strip(), re.ASCII):
            raise _refused(raw, words)
        if not least <= int(raw) <= most:
            raise _refused(raw, words)
        return int(raw)

    return Kind(words=words, read=read, schema={"type": "integer", "minimum": least, "maximum": most}, metavar="N")


def number(least: float, most: float) -> Kind:
    """A number between two bounds, inclusive; fractions are allowed."""
    words = f"a number from {least:g} to {most:g}"

    def read(raw: Any) -> float:
        if isinstance(raw, bool) or not isinstance(raw, int | float | str):
            raise _refused(raw, words)
        try:
            value = float(raw)
        except ValueError:
            raise _refused(raw, words) from None
        if not least <= value <= most:
            raise _refused(raw, words)
        return value

    return Kind(words=words, read=read, schema={"type": "number", "minimum": least, "maximum": most}, metavar="N")


def boolean() -> Kind:
    """True or false; as text also yes, no, on, off, 1, 0."""
    words = "true or false"

    def read(raw: Any) -> bool:
        word = raw.strip().lower() if isinstance(raw, str) else raw
        if word is True or word in _TRUE:
            return True
        if word is False or word in _FALSE:
            return False
        raise _refused(raw, words)

    return Kind(words=words, read=read, schema={"type": "boolean"}, example="true")


def choice(names: type[StrEnum] | tuple[str, ...]) -> Kind:
    """One of a closed set of words; a member, if the set is an enum."""
    allowed = names if isinstance(names, tuple) else tuple(member.value for member in names)
    by_lower_case = {word.lower(): word for word in allowed}
    words = "one of " + ", ".join(allowed)

    def read(raw: Any) -> str | Enum:
        word = by_lower_case.get(raw.strip().lower()) if isinstance(raw, str) else None
        if word is None:
            raise _refused(raw, words)
        return word if isinstance(names, tuple) else names(word)

    return Kind(words=words, read=read, schema={"enum": list(allowed)}, example=allowed[0], metavar="|".join(allowed))


def listing(item: Kind, *, plural: str) -> Kind:
    """Several values of one kind: a TOML array, or a text with commas or a JSON array."""
    words = f"a list of {plural}"

    def parts(raw: str) -> list[Any]:
        if not raw.lstrip().startswith("["):
            return [part.strip() for part in raw.split(",") if part.strip()]
        try:
            return list(json.loads(raw))
        except ValueError:
            raise _refused(raw, f"{words}: it starts like JSON but is not valid JSON") from None

    def read(raw: Any) -> tuple[Any, ...]:
        if not isinstance(raw, str | list):
            raise _refused(raw, words)
        return tuple(item.read(part) for part in (parts(raw) if isinstance(raw, str) else raw))

    return Kind(words=words, read=read, schema={"type": "array", "items": dict(item.schema)}, example=item.example)


def file_path(words: str = "the path of a file", *, example: str = "") -> Kind:
    """A path. Whether the file exists is checked later, when all other settings are known."""

    def read(raw: Any) -> Path:
        if not isinstance(raw, str) or not raw.strip() or "\0" in raw:
            raise ValueError(f"is not {words}")
        try:
            return Path(raw).expanduser()
        except RuntimeError:  # pathlib: ~name is not a user
            raise _refused(raw, f"{words}: there is no such user") from None

    return Kind(words=words, read=read, schema={"type": "string", "minLength": 1}, example=example)


def secret_text() -> Kind:
    """A literal secret; no message repeats it."""

    def read(raw: Any) -> str:
        if not isinstance(raw, str) or not raw.strip():
            raise ValueError("is empty or not a string")
        return raw

    return Kind(words="a secret", read=read, schema={"type": "string"}, secret=True)


def _authority_problem(raw: str, *, path_allowed: bool) -> str | None:
    try:
        parts = urlsplit(raw)
        port = parts.port
    except ValueError:
        return "its host or port is not valid"
    checks = (
        (parts.scheme not in {"http", "https"}, "it must start with http:// or https://"),
        (not parts.hostname, "it has no host"),
        ("@" in parts.netloc, "it contains a user name or password; remove them, accounts have their own settings"),
        (bool(parts.query or "?" in raw), "it has a query; remove everything from the ? on"),
        (bool(parts.fragment or "#" in raw), "it has a fragment; remove everything from the # on"),
        (port == 0, "port 0 is not a port to connect to"),
        (any(c.isspace() or ord(c) < 0x21 for c in raw), "it contains whitespace or a control character"),
        (not path_allowed and parts.path not in {"", "/"}, "it has a path; give scheme, host and port only"),
        (any(segment in {".", ".."} for segment in parts.path.split("/")), "its path has a dot segment"),
    )
    return next((reason for wrong, reason in checks if wrong), None)


def url(*, path_allowed: bool = True, example: str = "http://localhost:8080") -> Kind:
    """An http or https URL without credentials, query or fragment; trailing slashes are dropped."""
    words = "a URL such as " + example

    def read(raw: Any) -> str:
        if not isinstance(raw, str) or not raw.strip():
            raise ValueError(f"is not {words}")
        problem = _authority_problem(raw.strip(), path_allowed=path_allowed)
        if problem:
            raise ValueError(f"cannot be used: {problem}")
        return raw.strip().rstrip("/")

    return Kind(words=words, read=read, schema={"type": "string", "format": "uri", "pattern": "^https?://"}, example=example, metavar="URL")


def address(*, unix_allowed: bool = True, example: str = "127.0.0.1:8180") -> Kind:
    """Address of a listener: HOST:PORT, [IPv6]:PORT, or, if allowed, unix:PATH. A port without a host is refused."""
    words = "HOST:PORT" + (" or unix:PATH" if unix_allowed else "")
    metavar = "HOST:PORT" + ("|unix:PATH" if unix_allowed else "")

    def read(raw: Any) -> AddressSettings:
        if not isinstance(raw, str):
            raise _refused(raw, words)
        if unix_allowed and raw.startswith("unix:") and len(raw) > len("unix:"):
            return AddressSettings(unix_path=Path(raw.removeprefix("unix:")))
        match = re.fullmatch(r"(?:\[(?P<six>[0-9A-Fa-f:.%\w]+)\]|(?P<host>[^\s:/\[\]@]+)):(?P<port>[0-9]{1,5})", raw.strip(), re.ASCII)
        if not match or int(match["port"]) > 65535:
            raise _refused(raw, words)
        return AddressSettings(host=match["six"] or match["host"], port=int(match["port"]))

    return Kind(words=words, read=read, schema={"type": "string"}, example=example, metavar=metavar)


def host_name() -> Kind:
    """A host name or an IP address, without a port; read as ``kcproxy.network`` reads the Host field of a request."""
    words = "a host name or an IP address without a port, such as kcproxy.internal"

    def read(raw: Any) -> str:
        text = raw.strip() if isinstance(raw, str) else ""
        field = f"[{text}]" if text.count(":") > 1 and "[" not in text else text
        name = None if ":" in field.rpartition("]")[2] else network.host_name(field)
        if name is None:
            raise _refused(raw, words)
        return name

    return Kind(words=words, read=read, schema={"type": "string", "minLength": 1}, example="kcproxy.internal")


def operation_pattern() -> Kind:
    """Method and path template of operations; ``*`` matches anything: ``GET /admin/realms/{realm}/users*``."""
    words = 'METHOD /path, for example "GET /admin/realms/{realm}/users*"'
    schema = {"type": "string", "pattern": rf"^({'|'.join(METHODS)}|\*) /"}

    def read(raw: Any) -> str:
        method, _, path = raw.partition(" ") if isinstance(raw, str) else ("", "", "")
        if method.upper() not in {*METHODS, "*"} or not path.strip().startswith("/"):
            raise _refused(raw, words)
        return f"{method.upper()} {path.strip()}"

    return Kind(words=words, read=read, schema=schema, example="GET /admin/realms/{realm}/users*")
