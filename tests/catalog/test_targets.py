"""Request targets: which are refused, what of the others is sent, and which of them may carry an injected token."""

import pytest

from kcproxy.catalog import load
from kcproxy.catalog.targets import judge
from kcproxy.errors import RequestRefused

USERS = "/admin/realms/demo/users"
TABLE = load("26.7.4")


@pytest.mark.parametrize("raw", [b"%b", b"/admin/realms/demo/%b", b"/admin/realms/demo/users?q=%b", b"/%b/admin", b"http://h/%b"])
@pytest.mark.parametrize("octet", [*range(0x21), 0x23, 0x7F])
def test_a_number_sign_a_blank_or_a_control_is_refused_in_every_position(raw: bytes, octet: int) -> None:
    with pytest.raises(RequestRefused, match="percent-encoded") as caught:
        judge(TABLE, "GET", raw % bytes([octet]))
    assert (caught.value.status_hint, caught.value.reason) == (400, "target")


@pytest.mark.parametrize(
    ("method", "raw"),
    [
        ("GET", b""),
        ("GET", b"admin/realms/demo/users"),
        ("GET", b"*"),
        ("GET", b"**"),
        ("OPTIONS", b"*/admin"),
        ("GET", b"?x://y/admin/realms/demo/users"),
        ("GET", b"localhost:8180"),
        ("CONNECT", b"localhost:8180"),
        ("GET", b"http:/admin/realms/demo/users"),
        ("GET", b"http:admin/realms/demo/users"),
        ("GET", b"http://"),
        ("GET", b"http:///admin/realms/demo/users"),
        ("GET", b"http://?x"),
        ("GET", b"http://a@b/admin/realms/demo/users"),
        ("GET", b"http://localhost@evil/admin"),
        ("GET", b"http://a:b@localhost/admin"),
        ("GET", b"http://localhost\\@evil/admin"),
        ("GET", "http://caf\u00e9/admin".encode()),
        ("GET", b"ftp://localhost/admin/realms/demo/users"),
        ("GET", b"httpx://localhost/admin"),
        ("GET", b"\xe2\x80\xaf/admin"),
        ("GET", b"\\admin"),
        ("GET", b"%2Fadmin"),
    ],
)
def test_a_form_that_the_method_does_not_have_is_refused(method: str, raw: bytes) -> None:
    with pytest.raises(RequestRefused, match="neither a path") as caught:
        judge(TABLE, method, raw)
    assert (caught.value.status_hint, caught.value.reason) == (400, "target")


@pytest.mark.parametrize(
    ("method", "raw", "sent"),
    [
        ("GET", "http://localhost/admin/realms/demo/users?x=1", USERS + "?x=1"),
        ("GET", "HTTP://LOCALHOST:8180/admin/realms/demo/users", USERS),
        ("GET", "https://[::1]:8180/admin/realms/demo/users", USERS),
        ("GET", "http://h?x=http://other/admin", "/?x=http://other/admin"),
        ("GET", "http://h", "/"),
        ("GET", "http://h/http://other/admin/realms", "/http://other/admin/realms"),
        ("GET", "http://h//other/admin", "//other/admin"),
        ("OPTIONS", "http://h", "*"),
        ("OPTIONS", "http://h/", "/"),
        ("OPTIONS", "*", "*"),
    ],
)
def test_of_an_absolute_target_path_and_query_are_sent(method: str, raw: str, sent: str) -> None:
    """RFC 9112, sections 3.2.2 and 3.2.4. Scheme and authority are left out, so no token goes with what remains."""
    told, target = judge(TABLE, method, raw.encode())
    assert told == sent
    assert target.ambiguous is not None


@pytest.mark.parametrize(
    "raw",
    [
        "/admin/realms/demo/users/a%2Fb",
        "/admin/realms/demo/roles/a%2Fb",
        "/admin/realms/demo/roles/a%3Fb",
        "/admin/realms/demo/roles/a%23b",
        "/admin/realms/demo/roles/a%3Bb",
        "/admin/realms/demo/roles/100%25",
        "/admin/realms/demo/roles/caf%C3%A9",
        "/admin/realms/demo/%75sers",
        "/admin/realms/%64emo/users",
        "/admin/realms/a%20b/users",
        "/admin/realms/a+b/users",
        "/admin/realms/demo/users/",
        "/admin/realms/demo/users?",
        "/admin/realms/demo/users?search=../x;y//&a?b=c%zz",
        '/admin/realms/demo/users?q={"a":[1]}|^`<>\\',
        "/admin/realms/demo/group-by-path/a%2Fb/c",
    ],
)
def test_what_every_reader_reads_alike_is_plain_and_sent_as_it_came(raw: str) -> None:
    sent, target = judge(TABLE, "GET", raw.encode())
    assert (sent, target.ambiguous) == (raw, None)
    assert target.operation is not None


@pytest.mark.parametrize(
    ("raw", "doubt"),
    [
        (b"/admin/realms/demo/users?search=caf\xc3\xa9", "a control or non-ASCII character"),
        (b"/admin/realms/demo/users?search=\xff", "a control or non-ASCII character"),
        (b"/admin/realms/demo/users\xff/../other", "a control or non-ASCII character"),
        (b"/admin/realms/demo/\xc0\xae\xc0\xae/other", "a control or non-ASCII character"),
        (b"//localhost/admin/realms/demo/users", "an empty segment"),
        (b"/admin/realms/demo/users/42%2Fgroups", "an escape that hides another operation"),
        (b"/admin/realms/demo/users/42%2F%2Fgroups", "an escape that hides another operation"),
        (b"/admin/realms/demo/users%2Fcount", "an escape that hides another operation"),
        (b"/admin/realms/demo%2Fusers", "an escape that hides another operation"),
        (b"/admin/realms/demo%3Fx/users", "an escape that hides another operation"),
        (b"/admin/realms/demo%23/users", "an escape that hides another operation"),
        (b"/admin/realms/demo%3Bx/users", "an escape that hides another operation"),
        (b"/admin/realms/demo/users/42%3F/groups", "an escape that hides another operation"),
        (b"/admin/realms/demo/roles/team%2Fusers", "an escape that hides another operation"),
        (b"/admin/realms/%2564emo/users", "escapes within escapes"),
        (b"/admin/realms/demo/users/%2563ount", "escapes within escapes"),
        (b"/admin/demo%2Fconsole/whoami", "an escape that hides another operation"),
    ],
)
def test_what_two_readers_read_differently_is_ambiguous_and_sent_as_it_came(raw: bytes, doubt: str) -> None:
    sent, target = judge(TABLE, "GET", raw)
    assert sent.encode("utf-8", "surrogateescape") == raw
    assert target.ambiguous == doubt


@pytest.mark.parametrize(
    "raw", ["/admin/realms/demo/users/42%2Fgroups", "/admin/realms/demo/extension/a%2Fb", "/admin/realms/demo/extension%3Fx/y"]
)
def test_an_escaped_separator_in_an_unknown_operation_is_ambiguous(raw: str) -> None:
    sent, target = judge(TABLE, "POST", raw.encode())
    assert (sent, target.ambiguous) == (raw, "an escape that hides another operation")
    assert judge(TABLE, "POST", b"/admin/realms/demo/extension/a%20b")[1].ambiguous is None


@pytest.mark.parametrize("raw", ["/realms/demo/extension/a%2Fb", "/resources/a%2Fb"])
def test_outside_the_admin_rest_api_it_is_not(raw: str) -> None:
    assert judge(TABLE, "GET", raw.encode())[1].ambiguous is None


@pytest.mark.parametrize("raw", ["/auth/admin/realms/demo/users/42%2Fgroups", "/auth/admin/realms/demo%2Fusers"])
def test_below_a_base_path_it_is_the_same(raw: str) -> None:
    assert judge(TABLE, "GET", raw.encode(), base_path="/auth")[1].ambiguous == "an escape that hides another operation"
    assert judge(TABLE, "GET", b"/auth" + USERS.encode(), base_path="/auth")[1].ambiguous is None
