from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcproxy.catalog.paths import ambiguity, decoded_before_split, path_of, segments_of


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/admin/realms/demo/users", None),
        ("/admin/realms/demo/users/", None),
        ("/", None),
        ("/admin/realms/a%20b/users", None),
        ("/admin/realms/caf%C3%A9", None),
        ("/admin/realms/a%2Fb/users", None),
        ("/admin/realms/demo/roles/.hidden", None),
        ("/admin/realms/demo/roles/a..b", None),
        ("/admin//realms", "an empty segment"),
        ("/admin/realms/demo/../master", "a dot segment"),
        ("/admin/realms/demo/./users", "a dot segment"),
        ("/admin/realms/demo/%2e%2e/master", "a dot segment"),
        ("/admin/realms/demo/%2E%2E%2Fmaster", "a dot segment"),
        ("/admin/realms/demo/%252e%252e/master", "a dot segment"),
        ("/admin/realms/demo/%25252e%25252e/master", "a dot segment"),
        ("/admin/realms/demo/%2525255cmaster", "a backslash"),
        ("/admin/realms/demo/100%25", None),
        ("/admin/realms/demo/100%2525", "escapes within escapes"),
        ("/admin/realms/demo/%2541", "escapes within escapes"),
        ("/admin/realms/demo/%25ff", "escapes within escapes"),
        ("/admin/realms/demo/%25zz", None),
        ("/admin/realms/demo/%23", None),
        ("/admin/realms/demo/users#/../../other", "a dot segment"),
        ("/admin/realms/demo/%c0%ae%c0%ae/other", "an escape that is not UTF-8"),
        ("/admin/realms/demo/\udcff%", "a broken percent escape"),
        ("/admin/realms/demo/\udcff%41", "an escape that is not UTF-8"),
        ("/admin/realms/demo/%2500", "escapes within escapes"),
        ("/admin/realms/demo/%" + "25" * 20_000, "escapes within escapes"),
        ("/admin/realms/demo/..", "a dot segment"),
        ("/admin/realms/demo;x=1/users", "a path parameter (;)"),
        ("/admin/realms/demo\\users", "a backslash"),
        ("/admin/realms/demo/a%5Cb", "a backslash"),
        ("/admin/realms/demo/a%zz", "a broken percent escape"),
        ("/admin/realms/demo/a%", "a broken percent escape"),
        ("/admin/realms/demo/%ff", "an escape that is not UTF-8"),
        ("/admin/realms/demo/%00", "a control or non-ASCII character"),
        ("/admin/realms/démo", "a control or non-ASCII character"),
        ("admin/realms", "a path that does not begin with a slash"),
    ],
)
def test_a_path_that_two_readers_could_read_differently_is_named(path: str, reason: str | None) -> None:
    assert ambiguity(path) == reason


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/a/b?x=1", "/a/b"),
        ("/a?b?c", "/a"),
        ("/a#f", "/a#f"),
        ("/a#f?x#y", "/a#f"),
        ("/?", "/"),
        ("http://other:8080/a/b?x", "http://other:8080/a/b"),
        ("*", "*"),
    ],
)
def test_the_path_is_all_that_stands_before_the_query(target: str, path: str) -> None:
    assert path_of(target) == path


@pytest.mark.parametrize(
    ("path", "base", "segments"),
    [
        ("/auth/admin/realms", "/auth", ["admin", "realms"]),
        ("/authx/admin", "/auth", None),
        ("/admin", "/auth", None),
        ("/auth", "/auth", [""]),
        ("/admin/realms/a%2Fb/", "", ["admin", "realms", "a/b"]),
        ("/x/%ff", "", None),
        ("xadmin/realms", "", None),
        ("*", "", None),
        ("", "", [""]),
    ],
)
def test_segments_are_split_before_they_are_decoded(path: str, base: str, segments: list[str] | None) -> None:
    assert segments_of(path, base) == segments


@pytest.mark.parametrize(
    ("path", "segments"),
    [
        ("/a/b%2Fc", ["a", "b", "c"]),
        ("/a/b%2F%2Fc%2f", ["a", "b", "c"]),
        ("/a/b%3Fx/c", ["a", "b"]),
        ("/a/b%23x/c", ["a", "b"]),
        ("/a%3Bx=1/b", ["a", "b"]),
        ("/a/%ff", None),
    ],
)
def test_gateways_that_decode_first_are_read_as_they_read(path: str, segments: list[str] | None) -> None:
    assert decoded_before_split(path) == segments


@given(st.lists(st.text(min_size=1, alphabet=st.characters(exclude_categories=["Cs"])), min_size=1, max_size=6))
def test_every_encoded_name_comes_back_as_one_segment(names: list[str]) -> None:
    assert segments_of("/" + "/".join(quote(name, safe="") for name in names)) == names


@given(st.one_of(st.text(), st.binary().map(lambda raw: raw.decode("utf-8", "surrogateescape"))))
def test_reading_a_path_never_raises(path: str) -> None:
    ambiguity(path)
    segments_of(path)
    path_of(path)
    decoded_before_split(path)


@given(st.text(alphabet="/.%2eEfF5cC;\\a", max_size=30))
def test_a_plain_path_decodes_without_dot_segments_however_often(path: str) -> None:
    if ambiguity("/" + path) is None:
        for segment in segments_of("/" + path) or []:
            assert segment not in {".", ".."}
