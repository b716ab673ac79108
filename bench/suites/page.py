"""The documentation page with the results."""

from collections.abc import Mapping, Sequence

from bench.suites.outcome import Difference, Found, counts
from bench.suites.suite import Suite

_HEAD = """# Test suites of client libraries, directly and through kcproxy

Client libraries have their own tests. Each suite ran once directly with a new Keycloak {version}, and once with another one through a process
`kcproxy serve` that has addresses as its only settings. A third run went through Envoy with the external processor `kcproxy ext-proc` and the shipped
`deploy/envoy/envoy.yaml`. The libraries send their own tokens. The outcome of each test has to be the same each way. Tests that fail directly (most expect an
older server) have to fail the other ways too. If an outcome differed, the suite ran again: with `upstream.preserve_host`, then directly, then the other ways.

`python -m bench.suites --write` writes this page. Use `--clones FOLDER` if a repository cannot be reached. Keycloak has the features that
python-keycloak's test server has: {features}.

| Library | Version | Tests | Directly: passed, failed, skipped | Through kcproxy: passed, failed, skipped | With `preserve_host` | Different outcomes | Through Envoy: passed, failed, skipped | Different outcomes |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""


def page(listed: Sequence[tuple[Suite, Found | None]], *, version: str, features: Sequence[str] = ()) -> str:
    """Markdown: a table of suites, then the source of their tests and all differences."""
    rows = "\n".join(_row(suite, found) for suite, found in listed)
    notes = "\n\n".join(_notes(suite, found) for suite, found in listed)
    return f"{_HEAD.format(version=version, features=', '.join(features) or 'none')}{rows}\n\n{notes}\n"


def _row(suite: Suite, found: Found | None) -> str:
    begin = f"| {suite.library} | {suite.version} |"
    if found is None or found.unavailable is not None:
        return f"{begin} {f'not run: {found.unavailable}' if found else 'not run here'} | | | | | | |"
    ways = (found.direct, found.proxied, found.preserving)
    counted = " | ".join(", ".join(map(str, counts(runs[0]))) if runs else "not needed" for runs in ways)
    behind = ", ".join(map(str, counts(found.envoy[0]))) if found.envoy else "not run"
    envoy = f"{behind} | {len(found.behind_envoy.differences) or 'none'}"
    return f"{begin} {len(found.direct[0])} | {counted} | {len(found.differences) or 'none'} | {envoy} |"


def _notes(suite: Suite, found: Found | None) -> str:
    lines = [f"## {suite.library}", "", f"- Tests: {suite.tests_from}.", f"- Adapted: {suite.adapted}."]
    lines += [f"- Left out: `{name}`, {reason}." for name, reason in suite.left_out.items()]
    lines += [_difference(suite, item) for item in found.differences] if found else []
    lines += [_difference(suite, item, "through Envoy") for item in found.behind_envoy.differences] if found else []
    return "\n".join(lines)


def _difference(suite: Suite, item: Difference, way: str = "through the proxy") -> str:
    direct, proxied = (text.partition("\n")[0] for text in (item.direct, item.proxied))
    ways = f"{direct} directly, {proxied} {way}" if direct != proxied else f"prints something else {way}"
    return f"- Differs: `{item.test}` ({ways}): {suite.looked_up.get(item.test, item.reason)}."


def faults(found: Mapping[str, Found]) -> list[str]:
    """Differences that may be the proxy's fault, with both outputs."""
    return [
        f"{name}: {item.test}: {item.reason}\n  directly: {item.direct}\n  through the proxy: {item.proxied}"
        for name, each in found.items()
        for item in (*each.differences, *each.behind_envoy.differences)
        if not item.set_aside
    ]
