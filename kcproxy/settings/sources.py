"""The sources of settings: the configuration file, the environment and flags, as raw values with the location of each."""

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any, TypeGuard

from kcproxy.settings.declaration import PREFIX, variable_of
from kcproxy.settings.file_reading import text_of
from kcproxy.settings.schema import BY_KEY, SECTION_DOCS, SETTINGS

CONFIG_VARIABLE = "KCPROXY_CONFIG"
SINGLE = "account."
"""Key prefix of the single-account shorthand ``KCPROXY_ACCOUNT__…`` until the account's number is known."""

_LIST = "accounts"
_SCHEMA_HINT = "$schema"  # for editors only
# A Kubernetes Service named kcproxy… makes the kubelet set these in every pod of the namespace (service links).
_SERVICE_LINK = re.compile(r"KCPROXY(_[A-Z0-9_]+?)??_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?|PORT)")
_INDEXED = re.compile(r"KCPROXY_ACCOUNTS__(\d{1,3})__(\w+)")
_CLOSE = 0.6


class Layer(IntEnum):
    """A source of settings; the higher one wins."""

    FILE = 1
    ENVIRONMENT = 2
    FLAG = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One raw value. ``location`` starts a message about it: ``kcproxy.toml:12``, ``KCPROXY_WORKERS``, ``--listen``."""

    raw: Any
    location: str
    layer: Layer

    @property
    def origin(self) -> str:
        """Layer and location, as ``check --print`` shows them."""
        return f"{self.layer.name.lower()} {self.location}"


Flat = dict[str, Given]
"""Raw values by dotted key; entries of the list of accounts as ``accounts[0].client_id``."""


@dataclass(slots=True)
class Findings:
    """Errors (``problems``) and warnings (``notes``), each a complete line."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def problem(self, location: str, what: str, remedy: str) -> None:
        """Report something that prevents the program from running."""
        self.problems.append(f"{location}: {what}; {remedy}")

    def note(self, location: str, what: str, remedy: str) -> None:
        """Report something that works but deserves attention."""
        self.notes.append(f"{location}: {what}; {remedy}")


def config_file(file: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The configuration file: ``file``, else the one that KCPROXY_CONFIG names, else None."""
    return file or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)


def read_flags(flags: Mapping[str, Any]) -> Flat:
    """The flags that are set (not None), by key."""
    return {key: Given(raw=raw, location=BY_KEY[key].flag or key, layer=Layer.FLAG) for key, raw in flags.items() if raw is not None}


def read_environment(environ: Mapping[str, str], findings: Findings) -> Flat:
    """All settings among the variables. An empty variable counts as not set; an unknown one is a problem."""
    known = {variable_of(setting.key): setting.key for setting in SETTINGS} | {s.shorthand: s.key for s in SETTINGS if s.shorthand}
    result: Flat = {}
    for name, raw in sorted(environ.items()):
        if not name.startswith(PREFIX) or not raw.strip() or name == CONFIG_VARIABLE or _SERVICE_LINK.fullmatch(name):
            continue
        key = _indexed(name) or known.get(name)
        if key is None:
            _unknown_variable(name, known, findings)
            continue
        if key.startswith("accounts."):
            key = SINGLE + key.removeprefix("accounts.")
        result.setdefault(key, Given(raw=raw, location=name, layer=Layer.ENVIRONMENT))
    return result


def _indexed(name: str) -> str | None:
    match = _INDEXED.fullmatch(name)
    if not match or f"accounts.{match[2].lower()}" not in BY_KEY:
        return None
    return f"accounts[{int(match[1])}].{match[2].lower()}"


def _unknown_variable(name: str, known: Mapping[str, str], findings: Findings) -> None:
    # Compared without the common prefix, which would make all names similar.
    near = closest(name.removeprefix(PREFIX), (other.removeprefix(PREFIX) for other in known))
    remedy = f"did you mean {PREFIX}{near}?" if near else "see the list of variables in docs/settings.md, or unset it"
    findings.problem(name, "no setting has this variable", remedy)


def read_file(path: Path, findings: Findings) -> Flat | None:
    """All settings of the file. An unknown or malformed setting becomes a problem with its line. None if the file cannot be read at all."""
    try:
        document = text_of(path)
        tables = tomllib.loads(document)
    except OSError as error:
        findings.problem(str(path), f"the file cannot be read ({error.strerror})", "give its path with --config or KCPROXY_CONFIG")
    except UnicodeDecodeError:
        findings.problem(str(path), "the file is not UTF-8", "save it as UTF-8, which TOML requires")
    except RecursionError:
        findings.problem(
            str(path), "not valid settings: its values are nested too deeply", "write lists and tables as docs/settings.md shows"
        )
    except tomllib.TOMLDecodeError as error:
        findings.problem(str(path), f"not valid TOML: {error}", "fix that line; strings need double quotes")
    else:
        return _FileReader(path, line_numbers(document), findings).flat(tables)
    return None


class _FileReader:
    """Turns the tables of one file into flat keys."""

    def __init__(self, path: Path, lines: Mapping[str, int], findings: Findings) -> None:
        self._path, self._lines, self._findings = path, lines, findings

    def flat(self, tables: Mapping[str, Any]) -> Flat:
        result: Flat = {}
        for key, raw in self._leaves(tables):
            known = _setting_key(key)
            if known not in BY_KEY:
                self._unknown(key, known)
                self._secrets_below(key, raw)
            else:
                if BY_KEY[known].literal_only_in_environment:
                    self._literal(key, known)
                elif (holds_secret := BY_KEY[known].kind.holds_secret) is not None and holds_secret(raw):
                    self._password(key, BY_KEY[known].section)
                result[key] = Given(raw=raw, location=self._location(key), layer=Layer.FILE)
        return result

    def _leaves(self, tables: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        for name, value in tables.items():
            if name == _SCHEMA_HINT:
                continue
            if name == "upstream" and isinstance(value, str):
                yield "upstream.url", value
            elif name == _LIST:
                yield from self._accounts(value)
            elif isinstance(value, dict):
                yield from ((f"{name}.{key}", item) for key, item in value.items())
            elif name in SECTION_DOCS:
                self._wrong_shape(name, f"[{name}]")
                self._secrets_below(name, value)
            elif _is_list_of_tables(value):
                self._unknown_list(name, value)
            else:
                yield name, value

    def _accounts(self, value: Any) -> Iterator[tuple[str, Any]]:
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self._wrong_shape(_LIST, "[[accounts]], once for each account")
            self._secrets_below(_LIST, value)
            return
        for index, item in enumerate(value):
            yield from ((f"{_LIST}[{index}].{key}", entry) for key, entry in item.items())

    def _unknown_list(self, name: str, tables: Sequence[Mapping[str, Any]]) -> None:
        """``[[account]]``, for example: reported once, not for each of its keys. Secrets in it are reported each."""
        near = closest(name, (section for section in SECTION_DOCS if section))
        remedy = (
            f"did you mean {near}, as {'[[accounts]]' if near == _LIST else f'[{near}]'}?" if near else f"known tables are {_TABLE_NAMES}"
        )
        self._findings.problem(self._location(f"{name}[0]"), f"there is no setting {name}", remedy)
        for index, table in enumerate(tables):
            self._secrets_below(f"{name}[{index}]", table)

    def _secrets_below(self, key: str, raw: Any) -> None:
        """Report everything that is named like a secret, also where no setting has that name: it was stored here."""
        if isinstance(raw, dict):
            for name, value in raw.items():
                self._secrets_below(f"{key}.{name}", value)
        elif isinstance(raw, list):
            for index, value in enumerate(raw):
                self._secrets_below(f"{key}[{index}]", value)
        elif (
            isinstance(raw, str)
            and raw.strip()
            and _SECRET_NAME.search(name := key.rpartition(".")[2])
            and not name.lower().endswith("file")
        ):
            remedy = (
                "put it into a file of its own (mode 600), name that file with client_secret_file or admin_key_file, and change the secret"
            )
            self._findings.problem(
                self._location(key), f"{key} looks like a secret, which does not belong into a configuration file", remedy
            )

    def _location(self, key: str) -> str:
        line, near = self._lines.get(key), key
        while line is None and "." in near:  # of the table that contains it
            near = near.rpartition(".")[0]
            line = self._lines.get(near)
        if key == "upstream.url" and key not in self._lines:
            line = self._lines.get("upstream", line)
        return f"{self._path}:{line}" if line else str(self._path)

    def _wrong_shape(self, name: str, right: str) -> None:
        self._findings.problem(self._location(name), f"{name} is a table", f"write {right}")

    def _unknown(self, key: str, known: str) -> None:
        near = closest_key(known, BY_KEY)
        remedy = f"did you mean {near}?" if near else f"known settings are {_siblings(known)}"
        self._findings.problem(self._location(key), f"there is no setting {key}", remedy)

    def _literal(self, key: str, known: str) -> None:
        name = BY_KEY[known].name
        remedy = (
            f"put it into a file of its own (mode 600), set {name}_file to that file, and change the secret, because it was stored here"
        )
        self._findings.problem(self._location(key), f"{key} holds a secret, which does not belong into a configuration file", remedy)

    def _password(self, key: str, section: str) -> None:
        remedy = f"put it into a file of its own (mode 600), set {section}.password_file to that file, and change the password, because it was stored here"
        self._findings.problem(self._location(key), f"{key} contains a password, which does not belong into a configuration file", remedy)


_SECRET_NAME = re.compile(r"(?i)secret|password|passphrase|token$|^(?:admin|private|api)_?key$")
_TABLE_NAMES = ", ".join(f"[[{name}]]" if name == _LIST else f"[{name}]" for name in SECTION_DOCS if name)


def _is_list_of_tables(value: Any) -> TypeGuard[list[dict[str, Any]]]:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _setting_key(key: str) -> str:
    head, bracket, rest = key.partition("[")
    return head + "." + rest.partition("].")[2] if bracket and head == _LIST else key


def _siblings(known: str) -> str:
    section = known.rpartition(".")[0]
    names = [setting.name for setting in SETTINGS if setting.section == section]
    return ", ".join(names or [name for name in SECTION_DOCS if name])


_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=""")
_STRING_MARKS = ('"""', "'''")


@dataclass(slots=True)
class _LineScan:
    """State of a scan for keys. The standard library's TOML parser does not report lines."""

    lines: dict[str, int] = field(default_factory=dict)
    table: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    open_mark: str | None = None

    def header(self, number: int, brackets: str, name: str) -> None:
        name = _dotted(name)
        if brackets == "[[":
            index = self.counts.get(name, 0)
            self.counts[name] = index + 1
            name = f"{name}[{index}]"
        self.table = name
        self.lines.setdefault(name, number)

    def line(self, number: int, text: str) -> None:
        if self.open_mark is None:
            header, key = _HEADER.match(text), _KEY.match(text)
            if header:
                self.header(number, header[1], header[2])
            elif key:
                self.lines.setdefault(f"{self.table}.{_dotted(key[1])}".lstrip("."), number)
        self._strings(text)

    def _strings(self, text: str) -> None:
        for mark in _STRING_MARKS:
            if self.open_mark in {None, mark} and text.count(mark) % 2:
                self.open_mark = mark if self.open_mark is None else None


def _dotted(written: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in written.split("."))


def line_numbers(document: str) -> dict[str, int]:
    """Line numbers (from 1) by dotted key (``upstream.url``, ``accounts[0].realm``) of a valid TOML document, without inline tables."""
    scan = _LineScan()
    for number, text in enumerate(document.splitlines(), start=1):
        scan.line(number, text)
    return scan.lines


def closest(written: str, known: Iterable[str]) -> str | None:
    """The most similar known name; None if none is similar. Case and separators do not count."""
    plain = {_plain(name): name for name in known}
    longer = [name for name in plain if name.startswith(_plain(written) + "_")]
    if len(longer) == 1:
        return plain[longer[0]]
    found = difflib.get_close_matches(_plain(written), plain, n=1, cutoff=_CLOSE)
    return plain[found[0]] if found else None


def closest_key(written: str, known: Iterable[str]) -> str | None:
    """As ``closest`` for dotted keys: first within the same table, then a setting with that name in another table, then any."""
    keys = list(known)
    section, _, name = written.rpartition(".")
    siblings = {key.rpartition(".")[2]: key for key in keys if key.rpartition(".")[0] == section}
    near = closest(name, siblings)
    if near:
        return siblings[near]
    elsewhere = next((key for key in keys if key.rpartition(".")[2] == name), None)
    return elsewhere or closest(written, keys)


def _plain(name: str) -> str:
    return name.lower().replace("__", ".").replace("-", "_")
