"""Files that are none: a pipe, a device, a directory, one without end. None of them holds up the process or fills its memory."""

import os
from pathlib import Path

import pytest

from kcproxy.errors import SettingsError
from kcproxy.settings import Secret
from kcproxy.settings.api_keys import read_keys
from kcproxy.settings.file_reading import MAX_FILE_BYTES, content_of, text_of


def pipe(path: Path) -> None:
    os.mkfifo(path)


def link_to_a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def too_large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)


HOSTILE = [(pipe, "no regular file"), (link_to_a_device, "no regular file"), (Path.mkdir, "directory"), (too_large, "larger than 4 MiB")]


@pytest.mark.timeout(20)
@pytest.mark.parametrize(("make", "said"), HOSTILE)
def test_what_is_no_ordinary_file_is_refused_at_once(tmp_path: Path, make: object, said: str) -> None:
    assert callable(make)
    make(file := tmp_path / "file")
    with pytest.raises(OSError, match=said):
        content_of(file)
    with pytest.raises(OSError, match=said):
        Secret(path=file).reveal()
    with pytest.raises(SettingsError, match=said):
        read_keys(file)


def test_a_link_to_a_file_is_read_as_kubernetes_mounts_secrets(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"one\r\ntwo\r\n")
    (tmp_path / "file").symlink_to("target")
    assert content_of(tmp_path / "file") == b"one\r\ntwo\r\n"
    assert text_of(tmp_path / "file") == "one\ntwo\n"


def test_no_descriptor_stays_open(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        with pytest.raises(IsADirectoryError):
            content_of(tmp_path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
