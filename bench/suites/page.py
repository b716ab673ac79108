"""What was found, as a page of the documentation."""

from collections.abc import Mapping, Sequence

from bench.suites.outcome import Difference, Found, counts
from bench.suites.suite import Suite

_HEAD = """# Other people's test suites, directly and through kcproxy

Client libraries bring tests of their own. Each suite below ran once directly at a fresh Keycloak {version}, and once at another through a
process `kcproxy serve` that has nothing set but addresses; the libraries bring their own tokens, as they always do. Compared is what became
of each test: what a suite fails directly (most expect an older server) it has to fail through the proxy, too. Where a test came out
differently, the suite ran again: with `upstream.preserve_host`, then directly, then through the proxy.

Written by `python -m bench.suites --write`; where a repository cannot be reached, `--clones FOLDER` takes a clone of it. Keycloak has the
features that python-keycloak's own test server has: {features}.

| library | version | tests | directly: passed, failed, skipped | through kcproxy: passed, failed, skipped | with `preserve_host` | came out differently |
| --- | --- | --- | --- | --- | --- | --- |
"""


def page(listed: Sequence[tuple[Suite, Found | None]], *, version: str, features: Sequence[str] = ()) -> str:
    """Markdown: one line a suite, then where its tests come from and every difference by name."""
    rows = "\n".join(_row(suite, found) for suite, found in listed)
    notes = "\n\n".join(_notes(suite, found) for suite, found in listed)
    return f"{_HEAD.format(version=version, features=', '.join(features) or 'none')}{rows}\n\n{notes}\n"


def _row(suite: Suite, found: Found | None) -> str:
    begin = f"| {suite.library} | {suite.version} |"
    if found is None or found.unavailable is not None:
        return f"{begin} {f'not run: {found.unavailable}' if found else 'not run here'} | | | | |"
    ways = (found.direct, found.proxied, found.preserving)
    counted = " | ".join(", ".join(map(str, counts(runs[0]))) if runs else "not needed" for runs in ways)
    return f"{begin} {len(found.direct[0])} | {counted} | {len(found.differences) or 'none'} |"


def _notes(suite: Suite, found: Found | None) -> str:
    lines = [f"## {suite.library}", "", f"- Tests: {suite.tests_from}.", f"- Adapted: {suite.adapted}."]
    lines += [f"- Left out: `{name}`, {reason}." for name, reason in suite.left_out.items()]
    lines += [_told(item) for item in found.differences] if found else []
    return "\n".join(lines)


def _told(item: Difference) -> str:
    direct, proxied = (text.partition("\n")[0] for text in (item.direct, item.proxied))
    ways = f"{direct} directly, {proxied} through the proxy" if direct != proxied else "prints something else through the proxy"
    return f"- Differs: `{item.test}` ({ways}): {item.reason}."


def faults(found: Mapping[str, Found]) -> list[str]:
    """What is left that the proxy could have a part in, in words with both outputs."""
    return [
        f"{name}: {item.test}: {item.reason}\n  directly: {item.direct}\n  through the proxy: {item.proxied}"
        for name, each in found.items()
        for item in each.differences
        if not item.set_aside
    ]
