"""Checks the files that settings name: they exist, are readable and not empty, and only the operator can change them (or read secret ones)."""

import json
import os
import re
import stat
from pathlib import Path

from kcproxy.settings.file_reading import content_of
from kcproxy.settings.file_safety import FOR_OTHERS, dangers, in_volume, mode_of
from kcproxy.settings.merge import Resolved
from kcproxy.settings.sources import Findings

_HEAD_BYTES = 65536


def shown(path: Path) -> str:
    """A path as a message may show it. A relative one that could be a secret in the wrong setting is not shown."""
    if path.is_absolute():
        return str(path)
    if _is_surely_a_path(path):
        return f"{path} (below {Path.cwd()})"
    return f"a relative path (below {Path.cwd()}; not shown, because its {len(str(path))} characters could be the secret itself)"


_PLAIN_NAME = re.compile(r"[a-z._-]{1,24}")
_SUFFIXES = frozenset({".pem", ".crt", ".cer", ".key", ".jwk", ".json", ".toml", ".txt", ".secret", ".sqlite", ".sock"})


def _is_surely_a_path(path: Path) -> bool:
    """Its directory exists, or every part of it is a plain word, or it ends like a file. Generated secrets are none of these."""
    if len(path.parts) > 1:
        return path.parent.is_dir() or all(_PLAIN_NAME.fullmatch(part) for part in path.parts)
    return path.suffix in _SUFFIXES


def check_file(resolved: Resolved, key: str, findings: Findings, *, pem: str = "", jwk: bool = False, secret: bool = False) -> None:
    """Report a file that cannot be used. ``pem``: a word that the label of a PEM block must contain. ``secret``: warn if others can read it.

    ``jwk``: a private JSON Web Key is accepted too.
    """
    path = resolved.values.get(key)
    if path is None:
        return
    location = resolved.location(key)
    try:
        head = content_of(path)[:_HEAD_BYTES]
        mode = path.stat().st_mode
    except OSError as error:
        findings.problem(location, f"{key}: {shown(path)} cannot be read ({error.strerror})", _remedy_of(error, secret=secret))
        return
    if not head.strip():
        findings.problem(location, f"{key}: {shown(path)} is empty", "write the expected content into it")
    elif jwk and head.lstrip().startswith(b"{"):
        _check_jwk(location, f"{key}: {shown(path)}", head, findings)
    elif pem and (b"-----BEGIN " not in head or pem.encode() not in head):
        findings.problem(location, f"{key}: {shown(path)} has no PEM block with {pem}", f"give a file with -----BEGIN {pem}-----")
    elif pem == "PRIVATE KEY" and (b"ENCRYPTED" in head):
        findings.problem(
            location, f"{key}: the key in {shown(path)} is encrypted", "give a key without a pass phrase, in a file of mode 600"
        )
    if secret and mode & stat.S_IROTH and os.name == "posix":
        remedy = in_volume(path, is_projected_token=key.endswith("assertion_file")) or "chmod 600"
        findings.note(location, f"{key}: everybody on this machine can read {shown(path)}", remedy)
    note_dangers(location, key, path, findings)


def note_dangers(location: str, key: str, path: Path, findings: Findings) -> None:
    """Note every way in which others could change or replace the file."""
    for danger in dangers(path, shown(path)):
        findings.note(location, f"{key}: {danger.what}" if key else danger.what, danger.remedy)


def check_own_file(resolved: Resolved, key: str, findings: Findings, *, beside: tuple[str, ...]) -> None:
    """Report a file that the program writes, and those ``beside`` it (by suffix), if they are unsuitable or others can read them."""
    path = resolved.values.get(key)
    if path is None:
        return
    location = resolved.location(key)
    check_parent(resolved, key, path, findings)
    for file in (path, *(path.with_name(path.name + ending) for ending in beside)):
        try:
            status = file.lstat()
        except OSError:
            continue  # it does not exist yet
        if not stat.S_ISREG(status.st_mode):
            kind = "a symbolic link, which could lead the proxy to another file" if stat.S_ISLNK(status.st_mode) else "not a regular file"
            findings.problem(location, f"{key}: {shown(file)} is {kind}", "remove it, or use another file")
        elif status.st_mode & FOR_OTHERS:
            what = f"{key}: others can read {shown(file)} (mode {mode_of(status)})"
            findings.note(location, what, "chmod 600; serve does this at start if the file belongs to its user")
    note_dangers(location, key, path, findings)


def _check_jwk(location: str, what: str, document: bytes, findings: Findings) -> None:
    try:
        key = json.loads(document)
    except (ValueError, RecursionError):
        key = None
    if not isinstance(key, dict) or "kty" not in key:
        findings.problem(location, f"{what} is not a JSON Web Key", "give one key with kty, kid and its private part, or a PEM file")
    elif "d" not in key:
        findings.problem(location, f"{what} is a public key", "give the private key: it has the member d")


def _remedy_of(error: OSError, *, secret: bool) -> str:
    if isinstance(error, PermissionError):
        return "let only the proxy's user read it (chown, or fsGroup in Kubernetes)"
    if isinstance(error, IsADirectoryError):
        return "name the file in that directory"
    return "give the path of an existing file that contains the secret" if secret else "give the path of an existing file"


def check_socket(resolved: Resolved, key: str, path: Path | None, findings: Findings) -> None:
    """Report a Unix socket that cannot be created, or that others could replace: clients would connect to theirs."""
    if path is None:
        return
    location = resolved.location(key)
    check_parent(resolved, key, path, findings)
    if path.is_symlink():
        findings.problem(location, f"{key}: {shown(path)} is a symbolic link", "remove it, or use another path")
    note_dangers(location, key, path, findings)


def check_folder(resolved: Resolved, key: str, findings: Findings) -> None:
    """Report a folder in which no file can be created, or whose files others could replace."""
    folder = resolved.values.get(key)
    if folder is None:
        return
    location = resolved.location(key)
    if not folder.is_dir():
        findings.problem(location, f"{key}: there is no directory {shown(folder)}", "create it, or use another path")
    elif not os.access(folder, os.W_OK | os.X_OK):
        findings.problem(location, f"{key}: {shown(folder)} cannot be written", "let the proxy's user write to it, or use another path")
    note_dangers(location, key, folder / "pending", findings)


def check_parent(resolved: Resolved, key: str, path: Path | None, findings: Findings) -> None:
    """Report a file whose directory does not exist."""
    if path is not None and not path.parent.is_dir():
        findings.problem(resolved.location(key), f"{key}: there is no directory {shown(path.parent)}", "create it, or use another path")
