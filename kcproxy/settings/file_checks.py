"""Checks of the files that settings name: there, readable, not empty, not open to everybody where they are secret, changed by nobody else."""

import json
import stat
from pathlib import Path

from kcproxy.settings.file_reading import content_of
from kcproxy.settings.file_safety import FOR_OTHERS, dangers, mode_of
from kcproxy.settings.given import Findings
from kcproxy.settings.merge import Resolved

_HEAD_BYTES = 65536


def shown(path: Path) -> str:
    """A path as a message may show it: absolute ones as they are. A relative one might be the secret itself, put into the wrong setting."""
    return str(path) if path.is_absolute() else f"a relative path ({len(str(path))} characters, below {Path.cwd()})"


def check_file(resolved: Resolved, key: str, findings: Findings, *, pem: str = "", jwk: bool = False, secret: bool = False) -> None:
    """Report a file that cannot serve. ``pem`` is a word that a PEM block's head has to hold; ``secret`` warns where others can read it.

    With ``jwk`` a private JSON Web Key does as well.
    """
    path = resolved.values.get(key)
    if path is None:
        return
    place = resolved.place(key)
    try:
        head = content_of(path)[:_HEAD_BYTES]
        mode = path.stat().st_mode
    except OSError as error:
        findings.problem(place, f"{key}: {shown(path)} cannot be read ({error.strerror})", _remedy_of(error, secret=secret))
        return
    if not head.strip():
        findings.problem(place, f"{key}: {shown(path)} is empty", "write what it should hold into it")
    elif jwk and head.lstrip().startswith(b"{"):
        _check_jwk(place, f"{key}: {shown(path)}", head, findings)
    elif pem and (b"-----BEGIN " not in head or pem.encode() not in head):
        findings.problem(place, f"{key}: {shown(path)} holds no PEM block with {pem}", f"give a file with -----BEGIN {pem}-----")
    elif pem == "PRIVATE KEY" and (b"ENCRYPTED" in head):
        findings.problem(place, f"{key}: the key in {shown(path)} is encrypted", "give one without a pass phrase, in a file of mode 600")
    if secret and mode & stat.S_IROTH:
        findings.note(place, f"{key}: everybody on this machine can read {shown(path)}", "chmod 600; in Kubernetes defaultMode: 0440")
    note_dangers(place, key, path, findings)


def note_dangers(place: str, key: str, path: Path, findings: Findings) -> None:
    """Note every way in which others could change what the file holds, or put another in its place."""
    for danger in dangers(path, shown(path)):
        findings.note(place, f"{key}: {danger.what}" if key else danger.what, danger.remedy)


def check_own_file(resolved: Resolved, key: str, findings: Findings, *, beside: tuple[str, ...]) -> None:
    """Report a file that the program writes, and those ``beside`` it (by what their names end with), where others can read or move them."""
    path = resolved.values.get(key)
    if path is None:
        return
    place = resolved.place(key)
    check_parent(resolved, key, path, findings)
    for file in (path, *(path.with_name(path.name + ending) for ending in beside)):
        try:
            status = file.lstat()
        except OSError:
            continue  # it is not there yet
        if not stat.S_ISREG(status.st_mode):
            kind = "a symbolic link, and would lead the proxy to write elsewhere" if stat.S_ISLNK(status.st_mode) else "no regular file"
            findings.problem(place, f"{key}: {shown(file)} is {kind}", "remove it, or name another file")
        elif status.st_mode & FOR_OTHERS:
            what = f"{key}: others can read {shown(file)} (mode {mode_of(status)})"
            findings.note(place, what, "chmod 600; serve does so at its start, where the file belongs to its user")
    note_dangers(place, key, path, findings)


def _check_jwk(place: str, what: str, document: bytes, findings: Findings) -> None:
    try:
        key = json.loads(document)
    except (ValueError, RecursionError):
        key = None
    if not isinstance(key, dict) or "kty" not in key:
        findings.problem(place, f"{what} is no JSON Web Key", "give one key with kty, kid and its private part, or a PEM file")
    elif "d" not in key:
        findings.problem(place, f"{what} is a public key", "give the private one: it has the member d")


def _remedy_of(error: OSError, *, secret: bool) -> str:
    if isinstance(error, PermissionError):
        return "let the proxy's user read it (chown, or fsGroup in Kubernetes), nobody else"
    if isinstance(error, IsADirectoryError):
        return "name the file in that directory"
    return "name a file that is there, with the secret in it" if secret else "name a file that is there"


def check_socket(resolved: Resolved, key: str, path: Path | None, findings: Findings) -> None:
    """Report a Unix socket that cannot be made, or that others could put another in the place of: its callers would talk to that one."""
    if path is None:
        return
    place = resolved.place(key)
    check_parent(resolved, key, path, findings)
    if path.is_symlink():
        findings.problem(place, f"{key}: {shown(path)} is a symbolic link", "remove it, or name another path")
    note_dangers(place, key, path, findings)


def check_parent(resolved: Resolved, key: str, path: Path | None, findings: Findings) -> None:
    """Report a file that is to be made in a directory that is not there."""
    if path is not None and not path.parent.is_dir():
        findings.problem(resolved.place(key), f"{key}: there is no directory {shown(path.parent)}", "make it, or name another")
