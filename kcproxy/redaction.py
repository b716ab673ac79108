"""Redaction: replaces the values of fields with secret names, and texts that look like secrets."""

import re
from collections.abc import Mapping
from typing import Any

STARS = "[redacted]"

_SECRET_KEY = re.compile(
    r"secret|passw|authorization|cookie|assertion|credential|api[-_]?key|admin[-_]?key|private|^(access_|refresh_|id_)?token$",
    re.IGNORECASE,
)
_ENCODABLE = r"(?:[A-Za-z0-9_-]|%[0-9A-Fa-f]{2})"
_JWT = re.compile(rf"(?:e|%(?:25)*65)(?:y|%(?:25)*79)(?:J|%(?:25)*4[Aa]){_ENCODABLE}{{5,}}(?:\.|{_ENCODABLE})*")
"""A JWT, also if a path has percent-encoded any of its characters, once or repeatedly."""
_USERINFO = re.compile(r"(//[^/?#\s@:\"]*:)[^/?#\s@\"]+(?=@)")
_AUTHORITY = re.compile(r"\A([^/?#\s@:]*:)[^/?#\s@]+(?=@)")
_WORDS = r"(?:authentication|before|cannot|followed|header|instead|proof|sent|stands|with)[.,;:]?(?:[\s\"'\\)]|\Z)"
"""What follows the name of a scheme in our own sentences, which must stay readable."""
_SCHEME = re.compile(rf"\b(bearer|basic|dpop|negotiate)(?:\s|%20|\+)+(?!{_WORDS})[A-Za-z0-9._~+/=-]{{4,}}", re.IGNORECASE)
_PARAMETER = re.compile(
    r"\b(client_secret|client_assertion|password|access_token|refresh_token|id_token|token|code|code_verifier|assertion|secret)"
    r"(=|%3D)(?!\$)[^&\s\"'\\]+",
    re.IGNORECASE,
)


# Substring searches come first: they are ten times faster than the expressions, and most texts contain none of these.
_SCHEMES = ("bearer", "basic", "dpop", "negotiate")
_ENCODED = ("%65", "%79", "%4A", "%4a", "%25")
_MANY = 64
_PARAMETERS = ("secret", "assertion", "password", "token", "code", "code_verifier")


def redact_text(text: str) -> str:
    """The text without tokens, credentials and secret parameters. A shell variable instead of one stays."""
    if "eyJ" in text or ("%" in text and any(mark in text for mark in _ENCODED)):
        text = _JWT.sub(STARS, text)
    if "@" in text:
        text = _USERINFO.sub(rf"\1{STARS}", text)
    lower = text.lower()
    if any(scheme in lower for scheme in _SCHEMES) and _has_credentials(text, lower):
        text = _SCHEME.sub(rf"\1 {STARS}", text)
    if ("=" in text or "%" in text) and _has_parameters(lower):
        text = _PARAMETER.sub(rf"\1\2{STARS}", text)
    return text


def is_clean(text: str) -> bool:
    """True if redaction would not change the text."""
    return redact_text(text) == text


def _has_parameters(lower: str) -> bool:
    """True if an equals sign follows a secret name. With very many equals signs, the expression is faster."""
    for sign in ("=", "%3d"):
        pieces = lower.split(sign, _MANY)
        if len(pieces) > _MANY or any(piece.endswith(_PARAMETERS) for piece in pieces[:-1]):
            return True
    return False


def _has_credentials(text: str, lower: str) -> bool:
    """True if something like a credential follows the name of a scheme. Checks only these positions."""
    if len(lower) != len(text):
        return True  # a letter that is longer in lowercase: positions differ
    for scheme in _SCHEMES:
        position = lower.find(scheme)
        while position >= 0:
            if _SCHEME.match(text, position):
                return True
            position = lower.find(scheme, position + 1)
    return False


def redact_path(path: str) -> str:
    """As ``redact_text``, but faster: a path without these characters contains nothing that looks like a secret."""
    if "eyJ" in path or "=" in path or "%" in path or "+" in path or " " in path or "@" in path:
        return redact_text(_AUTHORITY.sub(rf"\1{STARS}", path) if path[:1] != "/" else path)  # the target of a CONNECT starts with a host
    return path


def redact_value(key: str, value: Any) -> Any:
    """The value of a log field without secrets, at any depth of mappings and sequences."""
    if _SECRET_KEY.search(key):
        return value if value is None or isinstance(value, bool) else STARS
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, Mapping):
        return {str(k): redact_value(str(k), v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact_value(key, item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact_text(str(value))


def redact(event: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a log line without secrets."""
    return {key: redact_value(key, value) for key, value in event.items()}
