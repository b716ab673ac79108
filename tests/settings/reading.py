"""Settings read in a folder of their own, and what was said about them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kcproxy.errors import SettingsError
from kcproxy.settings import Settings
from kcproxy.settings.load import load

SECRET = "tOp-sEcReT-7f3a"
UPSTREAM = {"KCPROXY_UPSTREAM": "http://localhost:8080"}
ACCOUNT = {"KCPROXY_ACCOUNT__REALM": "shop", "KCPROXY_ACCOUNT__CLIENT_ID": "shop-backend"}


def config(folder: Path, text: str) -> Path:
    file = folder / "kcproxy.toml"
    file.write_text(text, encoding="utf-8")
    return file


def secret_file(folder: Path, content: str = SECRET + "\n", *, mode: int = 0o600, name: str = "secret") -> Path:
    file = folder / name
    file.write_text(content, encoding="utf-8")
    file.chmod(mode)
    return file


def read(file: Path | None = None, environ: Mapping[str, str] | None = None, flags: Mapping[str, Any] | None = None) -> Settings:
    return load(file, environ or {}, flags or {})


def problems(file: Path | None = None, environ: Mapping[str, str] | None = None, flags: Mapping[str, Any] | None = None) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        read(file, environ, flags)
    return caught.value.problems
