"""The JavaScript admin client: the published package, and the tests of its last own repository (the package has none)."""

import json
import os
import shutil
from pathlib import Path

from bench.suites.having import asked, checked_out, once
from bench.suites.outcome import Run
from bench.suites.reports import mocha
from bench.suites.suite import Place, Suite, report_of, run_bounded

VERSION = "26.7.4"
REPOSITORY = "keycloak/keycloak-nodejs-admin-client"
TAG = "v21.0.0-dev.7"
_PACKAGES = {
    "@keycloak/keycloak-admin-client": VERSION,
    "@faker-js/faker": "7.6.0",
    "chai": "4.5.0",
    "lodash-es": "4.18.1",
    "mocha": "10.8.2",
    "tsx": "4.23.15",
}
_PACKAGE = json.dumps({"name": "suite", "private": True, "type": "module", "dependencies": _PACKAGES})
DEFAULT_ADDRESS = "http://127.0.0.1:8180"
"""The default address of the published package. The tests set no other."""
WRITTEN_ADDRESS = "http://localhost:8080"
WRITTEN_MAIL = "host: 'smtp.mailtrap.io',"


def _prepare(folder: Path, clones: Path | None) -> None:
    def prepare() -> None:
        checked_out(REPOSITORY, TAG, clones=clones, target=folder / "clone")
        (folder / "package.json").write_text(_PACKAGE, encoding="utf-8")
        asked(["npm", "install", "--no-audit", "--no-fund", "--silent"], folder=folder)

    once(folder, f"{TAG} {_PACKAGE}", prepare)


def run(folder: Path, place: Place, label: str) -> Run:
    """Run all tests. They import the library as `../src`, which is the published package here."""
    place_sources(folder, place)
    report, log = folder / f"{label}.json", folder / f"{label}.log"
    report.unlink(missing_ok=True)
    options = ["--exit", "--timeout", "30000", "--reporter", "json", "--reporter-option", f"output={report}", "test/**/*.spec.ts"]
    environment = {"NODE_OPTIONS": f"{os.environ.get('NODE_OPTIONS', '')} --import tsx".strip()}
    printed = run_bounded(["node_modules/.bin/mocha", *options], folder=folder, environment=environment, log=log)
    return report_of(mocha(report.read_text(encoding="utf-8")) if report.exists() else {}, log=log, printed=printed)


def place_sources(folder: Path, place: Place) -> None:
    """Copy tests and package, and replace their fixed addresses, which cannot be configured."""
    for name, source in (("test", "clone/test"), ("src", "node_modules/@keycloak/keycloak-admin-client/lib")):
        shutil.rmtree(folder / name, ignore_errors=True)
        shutil.copytree(folder / source, folder / name)
    replaced(folder / "src/utils/constants.js", DEFAULT_ADDRESS, place.url)
    # Keycloak reads this document itself, so it is Keycloak's own address either way.
    replaced(folder / "test/idp.spec.ts", WRITTEN_ADDRESS, place.keycloak_url)
    replaced(folder / "test/users.spec.ts", WRITTEN_MAIL, f"host: '127.0.0.1', port: '{place.mail_port}',")


def replaced(file: Path, old: str, new: str) -> None:
    """Replace a text in a file. Raises ValueError if it is missing, so that no test uses another address."""
    text = file.read_text(encoding="utf-8")
    if old not in text:
        raise ValueError(f"{old} is not in {file.name}")
    file.write_text(text.replace(old, new), encoding="utf-8")


_KEYS = (
    "not the proxy: on a busy machine, Keycloak took 33.5 s to generate the key (the whole test took 20.7 s directly), and a test ends after 30 s. "
    "The proxy's log has 33,478.7 ms for this request, 33,478.6 ms of them in Keycloak. It passed with `upstream.preserve_host`, which has nothing to do with it"
)
_WITH_LEAST = {
    "Clients client attribute certificate generate *": "on a busy machine, Keycloak takes longer for the key than the 30 s of a test",
    "Users count users": "the test counts the users of master, and the administrator who prepared the run is one more",
}

SUITE = Suite(
    name="js",
    library="@keycloak/keycloak-admin-client (JavaScript)",
    version=VERSION,
    tests_from=f"folder `test` of {REPOSITORY} at {TAG}, the last version with its own repository; newer tests are only in Keycloak's main repository, and the package has none",
    left_out={},
    adapted="fixed addresses in package and tests (Keycloak, and a mail server on the internet); 30 s for each test instead of 2, because the server is new",
    looked_up={"Clients client attribute certificate generate and download keys": _KEYS},
    prepare=_prepare,
    run=run,
    with_least=_WITH_LEAST,
)
