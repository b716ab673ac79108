"""Run a suite directly and through the proxy, each time on a new server, and repeat runs to explain differences."""

import json
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from bench.suites.having import NotHad
from bench.suites.outcome import Found, Reason, Run, counts
from bench.suites.stage import FEATURES, envoy, mail_taken, proxy
from bench.suites.suite import Place, Suite
from devkit.realserver import RealServer

VERSION = "26.7.5"


class Way(StrEnum):
    """What is between the suite and Keycloak. ENVOY: Envoy, with `kcproxy ext-proc` as its external processor."""

    DIRECT = "direct"
    PROXIED = "proxied"
    PRESERVING = "preserving"
    ENVOY = "envoy"


def judged(suite: Suite, *, clones: Path | None) -> Found:
    """Run once each way. If results differ, also with `preserve_host`, and if needed again."""
    try:
        suite.prepare(suite.folder, clones)
    except NotHad as error:
        return Found(unavailable=str(error))
    direct, proxied, behind = ((_fresh(suite, way, 1),) for way in (Way.DIRECT, Way.PROXIED, Way.ENVOY))
    found = Found(direct=direct, proxied=proxied, envoy=behind)
    if found.differences:
        found = replace(found, preserving=(_fresh(suite, Way.PRESERVING, 1),))
    if not found.same or not found.behind_envoy.same:
        found = replace(found, direct=(*found.direct, _fresh(suite, Way.DIRECT, 2)))
    if any(item.reason is Reason.ALWAYS for item in found.differences):
        found = replace(found, proxied=(*found.proxied, _fresh(suite, Way.PROXIED, 2)))
    if any(item.reason is Reason.ALWAYS for item in found.behind_envoy.differences):
        found = replace(found, envoy=(*found.envoy, _fresh(suite, Way.ENVOY, 2)))
    return found


def _fresh(suite: Suite, way: Way, number: int) -> Run:
    """One run on a new server."""
    label = f"{way}-{number}"
    with ExitStack() as stack:
        server = stack.enter_context(RealServer(VERSION, features=FEATURES))
        mail = stack.enter_context(mail_taken())
        url = _between(stack, way, server.base_url, suite.folder / label)
        place = Place(url=url, keycloak_url=server.base_url, username=server.admin_username, password=server.admin_password, mail_port=mail)
        suite.before(suite.folder, place)
        return run_counted(suite, place, label)


def run_counted(suite: Suite, place: Place, label: str) -> Run:
    """Run a suite, store the outcomes, and print their numbers."""
    began = time.monotonic()
    run = suite.run(suite.folder, place, label)
    (suite.folder / f"{label}.run.json").write_text(json.dumps(dict(run), indent=1, ensure_ascii=False), encoding="utf-8")
    passed, failed, skipped = counts(run)
    seconds = time.monotonic() - began
    print(f"{suite.name}, {label}: {passed} passed, {failed} failed, {skipped} skipped in {seconds:.0f} s", file=sys.stderr)
    return run


def _between(stack: ExitStack, way: Way, keycloak_url: str, folder: Path) -> str:
    """Start what is between the suite and Keycloak. Gives the URL for the suite."""
    if way is Way.DIRECT:
        return keycloak_url
    if way is Way.ENVOY:
        return stack.enter_context(envoy(keycloak_url, folder))
    return stack.enter_context(proxy(keycloak_url, folder, preserve_host=way is Way.PRESERVING))
