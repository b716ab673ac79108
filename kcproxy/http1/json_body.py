"""JSON in message bodies. A body that is missing, broken or nested too deep is no error: it simply holds no JSON."""

import json
from typing import Any


def json_value(body: bytes | None) -> Any:
    """The JSON value of a body. None if there is none, or if it is ``null``."""
    try:
        return json.loads(body or b"null")
    except (ValueError, RecursionError):
        return None


def json_object(body: bytes | None) -> dict[str, Any] | None:
    """The JSON object of a body. None for anything else."""
    value = json_value(body)
    return value if isinstance(value, dict) else None
