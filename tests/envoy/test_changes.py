"""What Envoy has to change so that a response becomes the explained one."""

from hypothesis import given
from hypothesis import strategies as st

from kcproxy.envoy.changes import Changes, changes_between
from kcproxy.http1.headers import ResponseFields

NAMES = st.sampled_from([b"A", b"a", b"B", b"Set-Cookie", b"Content-Length", b"Vary"])
FIELDS = st.lists(st.tuples(NAMES, st.sampled_from([b"", b"1", b"2", b"a: b"])), max_size=6)
FRAMING = {b"content-length"}


def changes(before: list[tuple[bytes, bytes]], after: list[tuple[bytes, bytes]], *, old: bytes = b"", new: bytes = b"") -> Changes:
    lines = [name + b": " + value + b"\r\n" for name, value in after]
    return changes_between(before, ResponseFields(lines, None, chunked=False), old_body=old, new_body=new)


def applied(before: list[tuple[bytes, bytes]], made: Changes) -> dict[bytes, list[bytes]]:
    """What Envoy does: remove, replace all of a name, append."""
    found: dict[bytes, list[bytes]] = {}
    for name, value in before:
        found.setdefault(name.lower(), []).append(value)
    for name in made.removed:
        del found[name]
    for name, value in made.set:
        found[name.lower()] = [value]
    for name, value in made.added:
        found[name.lower()].append(value)
    return {name: values for name, values in found.items() if name not in FRAMING}


@given(FIELDS, FIELDS)
def test_applied_to_the_old_fields_they_give_the_new_ones(before: list[tuple[bytes, bytes]], after: list[tuple[bytes, bytes]]) -> None:
    assert applied(before, changes(before, after)) == applied(after, Changes())


@given(FIELDS)
def test_a_response_that_stays_needs_none(fields: list[tuple[bytes, bytes]]) -> None:
    assert changes(fields, fields, old=b"x", new=b"x") == Changes()


def test_fields_that_frame_the_message_are_left_to_envoy() -> None:
    assert changes([(b"Content-Length", b"3")], [(b"Content-Length", b"900")], old=b"abc", new=b"d") == Changes(body=b"d")


def test_two_lines_of_one_name_stay_two_lines() -> None:
    made = changes([(b"vary", b"Origin")], [(b"vary", b"Origin"), (b"Vary", b"Accept")])
    assert (made.set, made.added) == (((b"vary", b"Origin"),), ((b"Vary", b"Accept"),))
