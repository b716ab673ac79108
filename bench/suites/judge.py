"""Run a suite directly and through the proxy, each time on a new server, and repeat runs to explain differences."""

import json
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from bench.suites.having import NotHad
from bench.suites.outcome import Found, Reason, Run, counts
from bench.suites.stage import FEATURES, mail_taken, proxy
from bench.suites.suite import Place, Suite
from devkit.realserver import RealServer

VERSION = "26.7.4"


def judged(suite: Suite, *, clones: Path | None) -> Found:
    """Run once directly and once through the proxy. If results differ, also with `preserve_host`, and if needed both ways again."""
    try:
        suite.prepare(suite.folder, clones)
    except NotHad as error:
        return Found(unavailable=str(error))
    found = Found(direct=(_fresh(suite, "direct-1"),), proxied=(_fresh(suite, "proxied-1", proxied=True),))
    if found.differences:
        found = replace(found, preserving=(_fresh(suite, "preserving-1", proxied=True, preserve_host=True),))
    if not found.same:
        found = replace(found, direct=(*found.direct, _fresh(suite, "direct-2")))
    if any(item.reason is Reason.ALWAYS for item in found.differences):
        found = replace(found, proxied=(*found.proxied, _fresh(suite, "proxied-2", proxied=True)))
    return found


def _fresh(suite: Suite, label: str, *, proxied: bool = False, preserve_host: bool = False) -> Run:
    """One run on a new server."""
    with ExitStack() as stack:
        server = stack.enter_context(RealServer(VERSION, features=FEATURES))
        mail = stack.enter_context(mail_taken())
        url = server.base_url
        if proxied:
            url = stack.enter_context(proxy(url, suite.folder / label, preserve_host=preserve_host))
        place = Place(url=url, keycloak_url=server.base_url, username=server.admin_username, password=server.admin_password, mail_port=mail)
        began = time.monotonic()
        run = suite.run(suite.folder, place, label)
    (suite.folder / f"{label}.run.json").write_text(json.dumps(dict(run), indent=1, ensure_ascii=False), encoding="utf-8")
    passed, failed, skipped = counts(run)
    print(
        f"{suite.name}, {label}: {passed} passed, {failed} failed, {skipped} skipped in {time.monotonic() - began:.0f} s", file=sys.stderr
    )
    return run
