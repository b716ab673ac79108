"""The shape of header fields on the wire, shared by requests and responses."""

from collections.abc import Sequence

RawHeaders = Sequence[tuple[bytes, bytes]]
"""Header fields in the order and spelling in which they were sent, duplicates included."""
