"""A folder as the kubelet mounts Secrets and ConfigMaps: its files are links, and a rotation turns the one link behind them all."""

from collections.abc import Mapping
from itertools import count
from pathlib import Path


class Mounted:
    """The kubelet's AtomicWriter in small: ``token`` → ``..data/token``, ``..data`` → ``..1``, and then at one blow → ``..2``."""

    def __init__(self, folder: Path, files: Mapping[str, str | bytes]) -> None:
        """The folder with its first content."""
        self.folder = folder
        self._versions = count(1)
        folder.mkdir(parents=True)
        self.swap(files)

    def __truediv__(self, name: str) -> Path:
        """The path of a file, as settings name it."""
        return self.folder / name

    def swap(self, files: Mapping[str, str | bytes]) -> None:
        """Other content, for all files in one moment."""
        written = self.folder / f"..{next(self._versions)}"
        written.mkdir()
        for name, content in files.items():
            (written / name).write_bytes(content if isinstance(content, bytes) else content.encode())
            (written / name).chmod(0o440)
        turned = self.folder / "..data_tmp"
        turned.symlink_to(written.name)
        turned.replace(self.folder / "..data")
        for name in files:
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(f"..data/{name}")
