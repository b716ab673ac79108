"""A token as people paste it: with the word Bearer, with line breaks, in quotes, or as the whole response of the token endpoint."""

import json

_SCHEMES = ("bearer", "dpop")


class TokenUnusable(Exception):
    """The text contains no token. The message says why, and repeats nothing of the text."""


def authorization(pasted: str) -> str | None:
    """The intended value of ``Authorization``; None if the text is empty. Raise TokenUnusable for JSON without ``access_token``."""
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
        raise TokenUnusable("it begins like JSON, but is not valid JSON") from None
    if not isinstance(token, str):
        raise TokenUnusable("it is JSON without an access_token")
    return token
