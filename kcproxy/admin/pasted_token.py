"""A token as people paste it: with the word Bearer, broken into lines, in quotes, or within the token endpoint's whole answer."""

import json

_SCHEMES = ("bearer", "dpop")


class TokenUnusable(Exception):
    """No token can be found in it; the message says why, and repeats nothing of it."""


def authorization(pasted: str) -> str | None:
    """The value of ``Authorization`` that is meant; None where nothing was pasted. TokenUnusable for JSON without ``access_token``."""
    text = pasted.strip()
    if text.startswith("{"):
        text = _access_token(text)
    if text.lower().startswith("authorization:"):
        text = text.partition(":")[2].strip()
    scheme, _, rest = text.partition(" ")
    scheme, text = (scheme, rest) if scheme.lower() in _SCHEMES and rest else ("Bearer", text)
    token = "".join(text.split()).strip("\"'`")
    return f"{scheme} {token}" if token else None


def _access_token(text: str) -> str:
    try:
        token = json.loads(text).get("access_token")
    except (ValueError, RecursionError):
        raise TokenUnusable("it begins like JSON, and cannot be read as that") from None
    if not isinstance(token, str):
        raise TokenUnusable("it is JSON without an access_token")
    return token
