"""JSON Web Key sets (RFC 7517), and whether a token is signed with one of their keys: what makes its claims true."""

import asyncio
import importlib
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from kcproxy.settings.values import ASYMMETRIC_ALGORITHMS

if TYPE_CHECKING:
    from jwt import PyJWK

_SIGNATURE_ONLY: Any = {"verify_signature": True, **{f"verify_{name}": False for name in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")}}


def load() -> None:
    """Load the library that verifies signatures, with cryptography below it: 10 MB, and 0.2 s of CPU time."""
    importlib.import_module("jwt")


async def loaded() -> None:
    """Load it in a thread if it is not loaded yet, so that the event loop continues."""
    if "jwt" not in sys.modules:
        await asyncio.to_thread(load)


def key_ids(document: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The ``kid`` of each signing key in a JWK set. None if the document is no JWK set."""
    keys = document.get("keys")
    if not isinstance(keys, list):
        return None
    return tuple(key["kid"] for key in _signing_keys(document) if isinstance(key.get("kid"), str))


def public_keys(document: Mapping[str, Any]) -> "dict[str | None, PyJWK]":
    """The asymmetric signing keys of a JWK set by ``kid``. Keys of an unknown kind are left out."""
    import jwt  # noqa: PLC0415 - jwt loads cryptography, 10 MB that most settings never need

    found: dict[str | None, PyJWK] = {}
    for key in _signing_keys(document):
        if key.get("kty") == "oct":
            continue
        try:
            found[key.get("kid")] = jwt.PyJWK.from_dict(key)
        except jwt.PyJWTError:
            continue
    return found


def is_signed_by(token: str, document: Mapping[str, Any]) -> bool | None:
    """Whether the key that the token's header names signed it. None if that key or its algorithm is not in the set."""
    import jwt  # noqa: PLC0415 - jwt loads cryptography, 10 MB that most settings never need

    try:
        header = jwt.get_unverified_header(f"{token.rpartition('.')[0]}.")  # without the signature, which may be unreadable
    except (jwt.PyJWTError, ValueError, RecursionError):
        return None
    key = next((key for key in _keys(document) if key.get("kid") == header.get("kid")), None)
    if key is None or header.get("alg") not in ASYMMETRIC_ALGORITHMS:
        return None
    try:
        jwt.decode(token, jwt.PyJWK.from_dict(key).key, algorithms=[str(header["alg"])], options=_SIGNATURE_ONLY)
    except jwt.DecodeError:  # the signature does not fit, or is cut off and no longer base64
        return False
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        return None
    return True


def _keys(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    keys = document.get("keys")
    return [key for key in keys if isinstance(key, dict)] if isinstance(keys, list) else []


def _signing_keys(document: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    return (key for key in _keys(document) if key.get("use") != "enc")
