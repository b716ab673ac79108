"""The labels of the Admin console: read from a jar, put into one document, and the stored ones are those of the distributions."""

import json
import zipfile
from pathlib import Path

import pytest

from kcproxy.catalog import versions
from tools.console_labels.__main__ import DATA
from tools.console_labels.read import MESSAGES, document, read, texts_of

PROGRAM = "theme/keycloak.v2/admin/resources/assets/client-1.js"
STORED = json.loads(DATA.read_text(encoding="utf-8"))


def distribution(folder: Path, messages: str, program: str) -> Path:
    jars = folder / "lib" / "lib" / "main"
    jars.mkdir(parents=True)
    with zipfile.ZipFile(jars / "org.keycloak.keycloak-admin-ui-26.7.5.jar", "w") as jar:
        jar.writestr(MESSAGES, messages)
        jar.writestr(PROGRAM, program)
    return folder


def test_texts_tab_and_menu_come_from_the_jar(tmp_path: Path) -> None:
    program = 'e(q,{id:"serviceAccount","data-testid":"serviceAccountTab",title:1});o({"data-testid":"add-role-mapping-button"})'
    found = read(distribution(tmp_path, "# a comment\nassign=Assign\nserviceAccount=Service account roles\nother=x\n", program))
    assert found == {
        "texts": {"serviceAccount": "Service account roles", "assign": "Assign"},
        "serviceAccountTab": "serviceAccount",
        "assignOpensMenu": True,
    }


def test_a_console_without_the_tab_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the tab for service accounts"):
        read(distribution(tmp_path, "", "nothing"))


def test_a_doubled_apostrophe_is_one() -> None:
    assert texts_of("a=it''s = it\n!b=no") == {"a": "it's = it"}


def test_what_all_versions_share_is_stored_once() -> None:
    one, other = ({"texts": {"a": "A", "b": text}, "serviceAccountTab": "x", "assignOpensMenu": True} for text in ("B", "C"))
    stored = document({"1": one, "2": other})
    assert stored["texts"] == {"a": "A"}
    assert [version["texts"] for version in stored["versions"].values()] == [{"b": "B"}, {"b": "C"}]


def test_every_measured_version_has_labels() -> None:
    assert set(STORED["versions"]) == {version for version in versions() if version.count(".") == 2}
