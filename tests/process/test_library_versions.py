"""A library that lacks security fixes is named at start."""

from importlib import metadata

import pytest

from kcproxy.process.library_versions import outdated_libraries


@pytest.mark.parametrize(
    ("version", "is_named"),
    [("3.12.0", True), ("3.12.14", True), ("3.14.4", True), ("3.14.5", False), ("3.14.10", False), ("3.15.0b1", False), ("4.0", False)],
)
def test_an_aiohttp_without_security_fixes_is_named(version: str, monkeypatch: pytest.MonkeyPatch, *, is_named: bool) -> None:
    monkeypatch.setattr(metadata, "version", lambda _: version)
    notes = list(outdated_libraries())
    assert [note.startswith(f"aiohttp {version} lacks security fixes") for note in notes] == ([True] if is_named else [])
    assert all("install aiohttp 3.14.5 or later" in note for note in notes)
