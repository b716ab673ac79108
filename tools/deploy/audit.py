"""``python -m tools.deploy.audit``: licences of what is shipped, a bill of materials, known vulnerabilities.

The first two need no network and have to pass. The third asks a database; if that does not answer for every package, one line says so, and
what was not looked at is never counted as sound.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from kcproxy import __version__

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements.lock"
BILL = ROOT / "dist" / "kcproxy.cdx.json"

ALLOWED = frozenset({"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "MIT", "MIT-0", "PSF-2.0"})
"""Licences (SPDX) of packages that may be shipped beside Apache-2.0 code without more duties than to name them."""

_OTHER_NAMES = {
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd license": "BSD-3-Clause",
    "mit license": "MIT",
    "python software foundation license": "PSF-2.0",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One locked package: version, SHA-256 of each of its files, its licence as an SPDX expression, or None if it names none."""

    name: str
    version: str
    hashes: tuple[str, ...]
    licence: str | None

    @property
    def allowed(self) -> bool:
        """Whether its licence is one of the allowed ones: one side of an OR is enough, every side of an AND is needed."""
        if self.licence is None:
            return False
        return any(all(part.strip() in ALLOWED for part in side.split(" AND ")) for side in self.licence.split(" OR "))


def packages(lock: Path = LOCK) -> list[Package]:
    """Everything that is locked, by name."""
    text = lock.read_text(encoding="utf-8")
    found = re.finditer(r"^([\w.-]+)==(\S+) \\\n((?: +--hash=sha256:[0-9a-f]{64}(?: \\)?\n?)+)", text, re.MULTILINE)
    return [
        Package(name=each[1], version=each[2], hashes=tuple(re.findall(r"sha256:([0-9a-f]{64})", each[3])), licence=licence_of(each[1]))
        for each in found
    ]


def licence_of(name: str) -> str | None:
    """What the installed package says of itself: expression, else classifier, otherwise the free text of the field."""
    try:
        known = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return None
    if "License-Expression" in known:
        return str(known["License-Expression"])
    classifiers = [text.rpartition("::")[2].strip() for text in known.get_all("Classifier") or () if text.startswith("License ::")]
    named = [_spdx(text) for text in (*classifiers, *(known.get_all("License") or ()))]
    return next((text for text in named if text), None)


def _spdx(text: str) -> str | None:
    text = text.strip()
    return text if text in ALLOWED else _OTHER_NAMES.get(text.lower(), text or None)


def bill_of_materials(found: list[Package]) -> dict[str, Any]:
    """CycloneDX 1.6: the program and what it is shipped with. The same input gives the same text; it holds no time and no random number."""
    root = f"pkg:pypi/kcproxy@{__version__}"
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": "kcproxy",
                "version": __version__,
                "purl": root,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            }
        },
        "components": [_component(each) for each in found],
        "dependencies": [{"ref": root, "dependsOn": [_purl(each) for each in found]}],
    }


def _purl(package: Package) -> str:
    return f"pkg:pypi/{package.name}@{package.version}"


def _component(package: Package) -> dict[str, Any]:
    return {
        "type": "library",
        "bom-ref": _purl(package),
        "name": package.name,
        "version": package.version,
        "purl": _purl(package),
        "licenses": [{"expression": package.licence}],
        # The lock names every file of a version that may be installed, so each of these is one that was agreed to.
        "properties": [{"name": "kcproxy:locked-sha256", "value": digest} for digest in package.hashes],
    }


def vulnerabilities(found: list[Package]) -> tuple[list[str], str | None]:
    """What pip-audit knows of the locked packages, and why it could not look at all of them (None: it did)."""
    command = [
        sys.executable,
        "-m",
        "pip_audit",
        "--disable-pip",
        "--require-hashes",
        "-r",
        str(LOCK),
        "-f",
        "json",
        "--progress-spinner",
        "off",
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        return [], "the vulnerability database did not answer in two minutes"
    return read_report(done.stdout, len(found))


def read_report(text: str, expected: int) -> tuple[list[str], str | None]:
    """pip-audit's JSON. Its exit code alone is green even if it could look at nothing."""
    try:
        entries = json.loads(text)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return [], "pip-audit is not installed, or the vulnerability database cannot be reached"
    known = [f"{entry['name']} {entry['version']}: {each['id']}" for entry in entries for each in entry.get("vulns", ())]
    looked_at = sum("vulns" in entry for entry in entries)
    if looked_at < expected:
        return known, f"the vulnerability database had nothing to say on {expected - looked_at} of {expected} packages"
    return known, None


def report(found: list[Package]) -> Iterator[tuple[bool, str]]:
    """Each check: whether it is sound, and its line."""
    if not found:
        yield False, f"no package is read from {LOCK.name}"
    refused = [f"{each.name} ({each.licence or 'none named, or not installed'})" for each in found if not each.allowed]
    yield not refused, f"licences: not allowed: {', '.join(refused)}" if refused else f"licences: {len(found)} packages, all allowed"
    known, missing = vulnerabilities(found)
    if known:
        yield False, f"vulnerabilities: {', '.join(known)}"
    if missing:
        yield True, f"NOT RUN: vulnerabilities: {missing}"
    elif not known:
        yield True, f"vulnerabilities: none known of {len(found)} packages"


def main() -> int:
    """0 if nothing is wrong with what could be looked at."""
    found = packages()
    BILL.parent.mkdir(exist_ok=True)
    BILL.write_text(json.dumps(bill_of_materials(found), indent=1) + "\n", encoding="utf-8")
    lines = list(report(found))
    print(f"bill of materials: {BILL.relative_to(ROOT)}, {len(found)} packages")
    for _, line in lines:
        print(line)
    return 0 if all(sound for sound, _ in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
