"""Programs from the Go module mirror: found, built once, or missing without an error."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tools.deploy import programs

GO = '#!/bin/sh\nsleep 0.3\necho "$@" >> "$GOBIN/builds"\nprintf "#!/bin/sh\\n" > "$GOBIN/tool"\nchmod +x "$GOBIN/tool"\n'


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH except for the shell's own programs, and the folder for what is built."""
    folder = tmp_path / "path"
    folder.mkdir()
    for name in ("sh", "sleep", "chmod"):
        (folder / name).symlink_to(f"/bin/{name}")
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(programs, "FOLDER", tmp_path / "bin")
    return folder


def executable(file: Path, text: str) -> Path:
    file.write_text(text)
    file.chmod(0o755)
    return file


def test_without_the_program_and_without_go_there_is_none(path: Path) -> None:
    assert programs.program("tool", "example.org/tool@v1") is None


def test_an_installed_program_is_used_and_nothing_is_built(path: Path) -> None:
    installed = executable(path / "tool", "#!/bin/sh\n")
    executable(path / "go", "#!/bin/sh\nexit 1\n")
    assert programs.program("tool", "example.org/tool@v1") == installed


def test_several_that_ask_at_once_get_one_build(path: Path) -> None:
    executable(path / "go", GO)
    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(lambda _: programs.program("tool", "example.org/tool@v1", ("-x",)), range(4)))
    assert found == {programs.FOLDER / "tool"}
    assert (programs.FOLDER / "builds").read_text() == "install -x example.org/tool@v1\n"
