"""Which addresses are loopback, and which Host fields name this machine."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcproxy.network import host_name, is_loopback, names_loopback, names_one_of, own_names

OWN = own_names("web1.example.com", ("kcproxy.internal", "192.0.2.7", "2001:db8::7"))

HOSTS = {
    # loopback
    "localhost": True,
    "LOCALHOST:8180": True,
    "LocalHost.": True,
    "localhost.:8180": True,
    "localhost:0": True,
    "localhost:65535": True,
    "app.localhost:8180": True,
    "a.b.localhost": True,
    "127.0.0.1": True,
    "127.0.0.1:8180": True,
    "127.255.255.254": True,
    "[::1]": True,
    "[::1]:8180": True,
    "[0:0:0:0:0:0:0:1]": True,
    # the machine's own names, and those that the settings allow
    "web1": True,
    "WEB1.example.COM:8180": True,
    "web1.example.com.": True,
    "kcproxy.internal:8180": True,
    "192.0.2.7:8180": True,
    "[2001:DB8:0::7]:8180": True,
    # names of others
    "attacker": False,
    "wpad": False,
    "kcproxy": False,
    "web2": False,
    "example.com": False,
    "xweb1.example.com": False,
    "web1.example.com.evil.example": False,
    "evil.example.com:8180": False,
    "localhost.evil.example.com": False,
    "127.0.0.1.evil.example.com": False,
    "localhostx": False,
    "xlocalhost": False,
    "a-localhost": False,
    ".localhost": False,
    "a..localhost": False,
    "-.localhost": False,
    # other spellings of addresses, which browsers never send, and addresses of others
    "2130706433": False,
    "0x7f.1": False,
    "0x7f000001": False,
    "017700000001": False,
    "127.1": False,
    "127.0.1": False,
    "127.0.0.01": False,
    "127.0.0.1.": False,
    "127.0.0.256": False,
    "0.0.0.0": False,
    "0": False,
    "192.0.2.1": False,
    "192.0.2.7.": False,
    "::1": False,
    "[::1": False,
    "::1]": False,
    "[::]": False,
    "[::1%lo]": False,
    "[::1%25lo]:8180": False,
    "fe80::1%eth0": False,
    "[::ffff:127.0.0.1]": False,
    "[127.0.0.1]": False,
    "[localhost]": False,
    "[2001:db8::1]:8180": False,
    # no Host field at all
    "": False,
    " ": False,
    ":8180": False,
    ".": False,
    "localhost..": False,
    "localhost:": False,
    "localhost:65536": False,
    "localhost:99999": False,
    "localhost:123456": False,
    "localhost:-1": False,
    "localhost:+80": False,
    "localhost:80 ": False,
    "localhost:8180:80": False,
    "localhost:\uff18\uff10": False,
    "localhost:\u0668\u0660": False,
    "@localhost": False,
    "localhost@evil": False,
    "evil@localhost": False,
    "localhost:80@evil": False,
    "localhost/evil": False,
    "localhost?evil": False,
    "localhost#evil": False,
    "localhost\\evil": False,
    "localhost,evil": False,
    "localhost evil": False,
    "localhost\tevil": False,
    "localhost\x00": False,
    "localhost%00": False,
    "%6cocalhost": False,
    "*": False,
    "*.localhost": False,
    "http://localhost": False,
    "\uff4cocalhost": False,
    "localho\u017ft": False,
    "loc\u0430lhost": False,
    "\u212acproxy.internal": False,
    "\u3002localhost": False,
    "app\u3002localhost": False,
    "a" * 64 + ".localhost": False,
    "a." * 130 + "localhost": False,
}


@pytest.mark.parametrize("field", HOSTS, ids=[ascii(field)[:40] for field in HOSTS])
def test_a_host_field_names_this_machine_or_not(field: str) -> None:
    assert names_one_of(field, OWN) == HOSTS[field]


@pytest.mark.parametrize("field", ["web1", "kcproxy.internal", "192.0.2.7"])
def test_only_loopback_names_loopback(field: str) -> None:
    assert not names_loopback(field)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("LOCALHOST", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("::1%lo", True),
        ("", False),
        ("0.0.0.0", False),
        ("::", False),
        ("0", False),
        ("127.1", False),
        ("app.localhost", False),
        ("localhost.example.com", False),
        ("::ffff:127.0.0.1", False),
        ("192.0.2.1", False),
        ("proxy.example.com", False),
    ],
)
def test_a_listener_is_on_loopback_or_not(host: str, loopback: bool) -> None:
    assert is_loopback(host) == loopback


@pytest.mark.parametrize(
    ("machine", "names"),
    [
        ("web1", {"web1"}),
        ("Web1.Example.COM", {"web1.example.com", "web1"}),
        ("localhost", {"localhost"}),
        ("10.1.2.3", set()),
        ("::1", set()),
        ("", set()),
        ("b\u00fcro", set()),
        ("my_host", {"my_host"}),
        ("a b", set()),
    ],
)
def test_the_machine_has_the_name_of_the_operating_system_and_no_other(machine: str, names: set[str]) -> None:
    assert own_names(machine) == names


def test_the_name_of_this_very_machine_is_its_own() -> None:
    name = os.uname().nodename
    assert host_name(name) is None or names_one_of(f"{name}:8180", own_names(name))


@given(
    st.one_of(
        st.text(), st.text("localhst.:@[]%0127/\u212a\u017f", max_size=24), st.binary().map(lambda raw: raw.decode("utf-8", "replace"))
    )
)
def test_no_field_whatever_makes_the_reading_raise_or_names_loopback_in_another_spelling(field: str) -> None:
    name = host_name(field)
    if names_loopback(field):
        assert name is not None
        assert field.isascii()
        assert field.lower().startswith((name, "[", "127."))
        assert set(field.lower()) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_.:[]")
