"""Printed Terraform as the program itself reads it: texts are exactly the names that are meant, and the layout is Terraform's own."""

import json
import os
import subprocess
import unicodedata
from pathlib import Path

import pytest

from devkit import terraform
from kcproxy.explain.fixes import hcl
from tests.explain.fixes import test_permission_terraform as of_permissions
from tests.explain.fixes import test_terraform as of_roles
from tests.hostile_text import ALL_AT_ONCE, NAMES

PRINTED = {
    **{name: forms.terraform or "" for name, forms in of_roles.FORMS.items()},
    **{f"permission, {name}": form.text or "" for name, form in of_permissions.FORMS.items()},
}

_ALONE = {**os.environ, "CHECKPOINT_DISABLE": "1"}
"""Terraform then looks for no newer version of itself."""


@pytest.fixture
def program() -> str:
    found = terraform.program()
    if found is None:
        pytest.skip(f"Terraform does not read what is printed: {terraform.NO_PROGRAM}")
    return found


def test_terraform_itself_reads_exactly_the_texts_that_are_meant(program: str, tmp_path: Path) -> None:
    texts = [*NAMES, ALL_AT_ONCE, "\U0001f600 \b \f \x7f", "${a} %{b} $${c}"]
    outputs = [f'output "o{number}" {{\n  value = {hcl.string(text)}\n}}\n' for number, text in enumerate(texts)]
    (tmp_path / "main.tf").write_text("\n".join(outputs), encoding="utf-8")
    for words in (("apply", "-auto-approve", "-no-color"), ("output", "-json")):
        ran = subprocess.run([program, *words], cwd=tmp_path, env=_ALONE, capture_output=True, text=True, check=True)
    read = json.loads(ran.stdout)
    assert [read[f"o{number}"]["value"] for number in range(len(texts))] == [unicodedata.normalize("NFC", text) for text in texts]


@pytest.mark.parametrize("text", PRINTED.values(), ids=PRINTED)
def test_printed_terraform_is_laid_out_as_terraform_does_it(program: str, text: str) -> None:
    ran = subprocess.run([program, "fmt", "-check", "-diff", "-"], input=f"{text}\n", capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, "")
