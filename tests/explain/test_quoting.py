"""Each quoting function gives back, in a real shell, parser or decoder, exactly what went in."""

import ast
import json
import subprocess
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote

import pygohcl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devkit.shells import SHELLS, program
from kcproxy.explain.fixes import hcl, shell, url
from kcproxy.explain.fixes.shell import Part, line, option, output_of, path, realm_option, repeated_option, segment, word
from kcproxy.explain.fixes.unwritable import Unwritable
from kcproxy.visible import is_visible, visible, visible_json, visible_start
from tests.hostile_text import ALL_AT_ONCE, NAMES, unseen

ROOT = Path(__file__).resolve().parents[2]
_AWKWARD = "'\"\\$`!#~=-@%&|;<>(){}[]*?^, \n\r\t\x1b\x7f\x85\u200b\u202e\u2028aé漢😀\U000e0041"
TEXTS = st.one_of(st.text(st.sampled_from(_AWKWARD), max_size=12), st.text(max_size=12), st.sampled_from([*NAMES, ALL_AT_ONCE]))
WRITABLE = TEXTS.filter(lambda text: "\0" not in text and not any("\ud800" <= c <= "\udfff" for c in text) and len(text) < 250)


def _printed_by(name: str, lines: Sequence[str]) -> list[str]:
    """What a shell's own printf makes of the words in lines."""
    command = [program(name), *(("-f",) if name == "zsh" else ()), "-c", "\n".join(lines)]
    done = subprocess.run(command, capture_output=True, timeout=60, check=True)
    assert done.stderr == b""
    return done.stdout.decode("utf-8").split("\0")[:-1]


@pytest.mark.parametrize("name", SHELLS)
@given(values=st.lists(WRITABLE, min_size=1, max_size=20))
@settings(max_examples=40, deadline=None)
def test_a_word_is_read_by_each_shell_as_it_was(name: str, values: list[str]) -> None:
    lines = [line("printf '%s\\0' {value}", value=word(value)) for value in values]

    assert _printed_by(name, lines) == values
    assert [text for text in lines if not is_visible(text)] == []


@pytest.mark.parametrize("name", SHELLS)
@given(values=st.lists(WRITABLE, min_size=1, max_size=10))
@settings(max_examples=25, deadline=None)
def test_a_word_inside_of_nested_substitutions_is_read_as_it_was(name: str, values: list[str]) -> None:
    inner = [output_of("printf '%s.' {value}", value=word(value)) for value in values]
    outer = [output_of("printf '%s' {place}", place=path("a/{inner}/b", inner=part)) for part in inner]
    lines = [line("printf '%s\\0' {part}", part=part) for part in outer]

    assert _printed_by(name, lines) == [f"a/{value}./b" for value in values]


@given(value=st.text(max_size=8))
def test_a_word_that_no_argument_can_hold_is_refused(value: str) -> None:
    for hole in ("\0", "\ud800", "\udfff"):
        with pytest.raises(Unwritable):
            word(value + hole + value)


@pytest.mark.parametrize(
    ("value", "source"),
    [
        ("view-users", "view-users"),
        ("service-account-app", "service-account-app"),
        ("a@b.example", "a@b.example"),
        ("clientId=app", "clientId=app"),
        ("my app", "'my app'"),
        ("O'Brien", "'O'\"'\"'Brien'"),
        ("-x", "'-x'"),
        ("=ls", "'=ls'"),
        ("~root", "'~root'"),
        ("", "''"),
        ("Ümlaut 😀", "'Ümlaut 😀'"),
        ("a!b", "\"$(printf 'a\\041b')\""),
        ("-\x1b", "\"$(printf '\\055\\033')\""),
        ("a\u202eb", "\"$(printf 'a\\342\\200\\256b')\""),
        ("a\nb", "\"$(printf 'a\\012b')\""),
        ("a\n\n", "\"$(printf 'a')$NL$NL\""),
        ("\n", '"$NL"'),
    ],
)
def test_a_word_is_written_as_plainly_as_it_can_be(value: str, source: str) -> None:
    assert word(value).source == source


@pytest.mark.parametrize(
    ("name", "value", "source"),
    [
        ("--uusername", "jane", "--uusername jane"),
        ("--uusername", "-x", "--uusername='-x'"),
        ("--uusername", "--server=x", "--uusername='--server=x'"),
        ("--uusername", "", "--uusername ''"),
    ],
)
def test_a_value_is_not_read_as_an_option(name: str, value: str, source: str) -> None:
    assert option(name, value).source == source


@pytest.mark.parametrize(
    ("realm", "written"),
    [
        *(("demo", "-r demo"), ("my realm", "-r my%20realm"), ("-x", "--target-realm='-x'"), ("a/b", "-r a%2Fb"), ("d'q", "-r d%27q")),
        *(("~root", "-r '~root'"), ("@f", "-r %40f"), ("=ls", "-r %3Dls"), ("a\nb", "-r a%0Ab")),
    ],
)
def test_a_realm_is_encoded_because_kcadm_puts_it_into_the_url_as_it_is(realm: str, written: str) -> None:
    assert realm_option(realm).source == written


def test_an_option_that_is_repeated_takes_no_value_that_looks_like_another() -> None:
    assert repeated_option("--rolename", ("a", "b c")).source == "--rolename a --rolename 'b c'"
    with pytest.raises(Unwritable):
        repeated_option("--rolename", ("view-users", "-x"))


@given(value=TEXTS)
def test_a_segment_is_decoded_to_what_it_was_and_has_no_character_of_its_own_meaning(value: str) -> None:
    try:
        encoded = url.segment(value)
    except Unwritable:
        assert value in {"", ".", ".."} or any("\ud800" <= character <= "\udfff" for character in value)
        return
    assert unquote(encoded) == value
    assert set(encoded) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%")


@pytest.mark.parametrize(
    ("base", "made"),
    [
        ("https://kc.test/auth/", "https://kc.test/auth/a%2Fb"),
        ("http://[::1]:8080", "http://[::1]:8080/a%2Fb"),
        ("javascript:alert(1)//", None),
        ("https://kc.test/\x1b", None),
        ('https://kc.test/"onclick="', None),
        ("https://kc.test/<b>", None),
        (None, None),
    ],
)
def test_a_link_is_a_web_address_or_none(base: str | None, made: str | None) -> None:
    assert url.link(base, "a/b") == made
    assert url.link(base, "..") is None


@given(value=TEXTS)
@settings(max_examples=300, deadline=None)
def test_a_string_of_hcl_is_parsed_as_what_it_was(value: str) -> None:
    try:
        literal = hcl.string(value)
    except Unwritable:
        assert any("\ud800" <= character <= "\udfff" for character in value)
        return
    # HCL normalises every string to NFC.
    assert pygohcl.loads(f"v = {literal}\n")["v"] == unicodedata.normalize("NFC", value)
    assert is_visible(literal)


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        ("a\b\f\n\r\t", r'"a\u0008\u000c\n\r\t"'),
        ("\U000e0041", r'"\U000e0041"'),
        ("😀", '"😀"'),
        ("${x} %{y} $${z}", '"$${x} %%{y} $$${z}"'),
        ('"\\', r'"\"\\"'),
        ("\0", r'"\u0000"'),
    ],
)
def test_a_string_of_hcl_has_only_escapes_that_hcl_knows(value: str, literal: str) -> None:
    assert hcl.string(value) == literal


@pytest.mark.parametrize(("value", "name"), [("view-users", "view_users"), ("1st", "_1st"), ('"${x}', "___x__"), ("", "_"), ("é", "__")])
def test_a_label_is_an_identifier(value: str, name: str) -> None:
    assert hcl.label(value).startswith(name)
    assert hcl.label(value).isidentifier()


@given(value=st.text())
def test_what_is_made_visible_can_be_seen_and_stays_so(value: str) -> None:
    shown = visible(value)

    assert unseen(shown) == []
    assert visible(shown) == shown
    assert (shown == value) == (unseen(value) == [])


@given(value=st.text(), limit=st.integers(1, 60))
def test_what_is_cut_is_not_longer_than_its_limit_and_breaks_no_code_point(value: str, limit: int) -> None:
    shown = visible_start(value, limit)

    assert len(shown) <= limit
    assert visible(value).startswith(shown.removesuffix("…"))
    assert shown == visible(value) or shown.endswith("…")


@given(value=st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_json_made_visible_is_the_same_value(value: object) -> None:
    text = visible_json(json.dumps(value, ensure_ascii=False, indent=2))

    assert unseen(text.replace("\n", "")) == []
    assert json.loads(text) == value


def test_text_gets_into_no_command_but_as_a_part() -> None:
    with pytest.raises(TypeError, match="quote it"):
        line("echo {x}", x="a b")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="segment"):
        path("clients/{x}", x=word("a b"))
    assert path("clients/{x}", x=segment("a b")) == Part("clients/a%20b")


def test_a_line_that_a_terminal_would_cut_is_refused() -> None:
    assert len(line("echo {x}", x=word("x" * 3995))) == shell.MAX_LINE_BYTES
    with pytest.raises(Unwritable):
        line("echo {x}", x=word("x" * 3996))


BUILDERS = {"line", "path", "output_of", "filled"}


@pytest.mark.parametrize("file", sorted((ROOT / "kcproxy").rglob("*.py")), ids=lambda file: str(file.relative_to(ROOT)))
def test_templates_of_commands_and_resources_are_constants(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    imported = {
        name.asname or name.name: node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for name in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _is_builder(node.func, imported):
            assert _is_constant(node.args[0]), f"line {node.lineno}: the template is put together from values"


def _is_builder(called: ast.expr, imported: dict[str, str]) -> bool:
    if isinstance(called, ast.Name):
        return called.id in BUILDERS and imported.get(called.id, "").startswith("kcproxy.explain")
    module = called.value.id if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name) else ""
    return isinstance(called, ast.Attribute) and called.attr in BUILDERS and module in {"shell", "hcl"}


def _is_constant(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.Add) and _is_constant(node.left) and _is_constant(node.right)
    if isinstance(node, ast.Name):
        return node.id.isupper()
    return isinstance(node, ast.Constant)
