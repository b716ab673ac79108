"""The type of header fields, shared by requests and responses."""

from collections.abc import Sequence

RawHeaders = Sequence[tuple[bytes, bytes]]
"""Header fields in the order and spelling of the message, with duplicates."""
