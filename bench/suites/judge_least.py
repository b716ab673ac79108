"""Run a suite as administrator with the record of use, compute the least set, and run it again with exactly that set on a new server."""

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.suites.accounts import least_account
from bench.suites.having import NotHad
from bench.suites.judge import run_counted
from bench.suites.least import CLIENT, MASTER, LeastFound, LeastReason, least_set
from bench.suites.new_realms import Limit, kept_to
from bench.suites.outcome import Found, Run
from bench.suites.stage import mail_taken, proxy
from bench.suites.suite import Place, Suite
from devkit.realserver import RealServer

_AUDIT_SECONDS = 120


def judged_least(suite: Suite, *, version: str, clones: Path | None, known: Found | None) -> LeastFound:
    """``version``: of Keycloak. ``known``: other runs of the suite, which show what differs anyway. If a difference has no reason, the run with the set is repeated.

    Raises NotHad if the tests are not available or the audit fails.
    """
    suite.prepare(suite.folder, clones)
    recorded, audit, _ = _recorded(suite, version, "recorded-1", None)
    wanted = least_set(audit)
    run, _, made = _recorded(suite, version, "least-1", audit)
    found = LeastFound(least_set=wanted, made=made, recorded=recorded, least=(run,))
    if any(item.reason == LeastReason.UNKNOWN for item in found.differences(suite.with_least, administrator_runs(known))):
        again, _, _ = _recorded(suite, version, "least-2", audit)
        found = replace(found, least=(run, again))
    return found


def administrator_runs(known: Found | None) -> tuple[Run, ...]:
    """The runs as administrator that passed through a proxy or none."""
    return (*known.direct, *known.proxied, *known.preserving) if known else ()


def _recorded(suite: Suite, version: str, label: str, least: dict[str, Any] | None) -> tuple[Run, dict[str, Any], tuple[str, ...]]:
    """A run on a new server with the record of use: the outcomes, the audit, and the clients of realms that the suite made.

    The server has its default features, because the tables are measured with these.
    """
    folder = suite.folder / label
    folder.mkdir(parents=True, exist_ok=True)
    use = folder / "use.sqlite"
    for old in folder.glob("use.sqlite*"):
        old.unlink()
    made: tuple[str, ...] = ()
    with ExitStack() as stack:
        server = stack.enter_context(RealServer(version))
        mail = stack.enter_context(mail_taken())
        url = stack.enter_context(proxy(server.base_url, folder, preserve_host=True, use=use))
        administrator, password = server.admin_username, server.admin_password
        place = Place(url=url, keycloak_url=server.base_url, username=administrator, password=password, mail_port=mail)
        suite.before(suite.folder, place)
        if least is not None:
            wanted = least_set(least)
            account = least_account(place, wanted)
            made = account.made
            before = frozenset(wanted.clients) - frozenset(made)
            limit = Limit(user=account.user, roles=frozenset(wanted.of(made)), before=before)
            stack.enter_context(kept_to(limit, account.keeper))
        run = run_counted(suite, place, label)
    audit = audited(use, version=version)
    (folder / "audit.json").write_text(json.dumps(audit, indent=1), encoding="utf-8")
    return run, audit, made


def audited(use: Path, *, version: str) -> dict[str, Any]:
    """What `kcproxy audit --json` says of callers with tokens of master. Raises NotHad if it fails.

    Tokens of `admin-cli` are lightweight and name no roles, so `--held` says that the administrator holds everything.
    """
    options = ["--history", str(use), "--client", CLIENT, "--realm", MASTER, "--held", "realm-admin", "--json", "--keycloak", version]
    command = [sys.executable, "-m", "kcproxy", "audit", *options]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KCPROXY_")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=_AUDIT_SECONDS, check=False)
    if done.returncode:
        raise NotHad(f"`kcproxy audit` failed: {done.stderr.strip()[-500:]}")
    document: dict[str, Any] = json.loads(done.stdout)
    return document
