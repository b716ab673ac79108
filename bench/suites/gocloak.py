"""gocloak: the module brings its tests and the realm that they need."""

import json
import shutil
from pathlib import Path

from bench.suites.accounts import realm_made
from bench.suites.having import NotHad, asked, once
from bench.suites.outcome import Run
from bench.suites.reports import go_test
from bench.suites.suite import RUN_SECONDS, Place, Suite, report_of, run_bounded

VERSION = "14.0.4"
MODULE = "github.com/Nerzal/gocloak/v14"
_LEFT_OUT = {"Test_ImportIdentityProviderConfig": "reads a document from the internet"}


def _prepare(folder: Path, _clones: Path | None) -> None:
    def prepare() -> None:
        had = json.loads(asked(["go", "mod", "download", "-json", f"{MODULE}@v{VERSION}"], folder=folder))
        if "Dir" not in had:
            raise NotHad(f"go has no {MODULE} {VERSION}")
        shutil.copytree(had["Dir"], folder / "module", copy_function=shutil.copyfile)
        (folder / "module").chmod(0o755)
        asked(["go", "test", "-c", "-o", str(folder / "suite.test"), "."], folder=folder / "module")

    once(folder, VERSION, prepare)


def before(folder: Path, place: Place) -> None:
    """Import the realm of the module, with our mail server."""
    realm = json.loads((folder / "module/testdata/gocloak-realm.json").read_text(encoding="utf-8"))
    realm["smtpServer"] |= {"host": "127.0.0.1", "port": str(place.mail_port)}
    realm_made(place, realm)


def run(folder: Path, place: Place, label: str) -> Run:
    """Run all tests except those left out."""
    settings, log = folder / f"{label}.config.json", folder / f"{label}.log"
    settings.write_text(json.dumps(configuration(folder, place)), encoding="utf-8")
    skipped = "|".join(f"^{name}$" for name in _LEFT_OUT)
    command = ["go", "tool", "test2json", str(folder / "suite.test"), "-test.v=test2json", f"-test.timeout={RUN_SECONDS:.0f}s"]
    printed = run_bounded(
        [*command, f"-test.skip={skipped}"], folder=folder / "module", environment={"GOCLOAK_TEST_CONFIG": str(settings)}, log=log
    )
    (folder / f"{label}.json").write_text(printed, encoding="utf-8")
    return report_of(go_test(printed), log=log, printed=printed)


def configuration(folder: Path, place: Place) -> dict[str, object]:
    """The module's test settings, with our address and administrator."""
    own: dict[str, object] = json.loads((folder / "module/testdata/config.json").read_text(encoding="utf-8"))
    administrator = {"username": place.username, "password": place.password, "realm": "master"}
    return own | {"hostname": place.url, "admin": administrator}


SUITE = Suite(
    name="gocloak",
    library="gocloak (Go)",
    version=VERSION,
    tests_from=f"the module {MODULE} itself",
    left_out=_LEFT_OUT,
    adapted="the mail server of its realm is a sink on loopback",
    prepare=_prepare,
    before=before,
    run=run,
    with_least={
        "Test_CheckError": "it expects 404 for a client of realm master that does not exist. Failed calls do not count as use, so the set has no role for this one"
    },
)
