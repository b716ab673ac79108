"""What of a traceparent field reaches log, metrics and spans."""

import pytest

from kcproxy.proxy.exchange import _trace

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (f"00-{TRACE}-{SPAN}-01", (TRACE, SPAN, True)),
        (f"00-{TRACE}-{SPAN}-00", (TRACE, SPAN, False)),
        (f" 00-{TRACE}-{SPAN}-01 ", (TRACE, SPAN, True)),
        (f"cc-{TRACE}-{SPAN}-01-what-comes-later", (TRACE, SPAN, True)),
        (f"00-{'0' * 32}-{SPAN}-01", (None, None, False)),
        (f"00-{TRACE}-{'0' * 16}-01", (None, None, False)),
        (f"00-{TRACE.upper()}-{SPAN}-01", (None, None, False)),
        (f"00-{TRACE}-{SPAN}", (None, None, False)),
        ("eyJhbGciOiJSUzI1NiJ9.e30.c2ln", (None, None, False)),
        ("", (None, None, False)),
    ],
)
def test_trace_span_and_flag_are_read_and_anything_else_is_nothing(field: str, expected: tuple[str | None, str | None, bool]) -> None:
    assert _trace(field.encode()) == expected
