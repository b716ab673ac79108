"""The documentation page with the results."""

from collections.abc import Mapping

from bench.client_suites.libraries import LIBRARIES, Library
from bench.suites.outcome import Difference, Found, counts

_HEAD = """# The clients' own tests, with the middleware in

httpx, requests and aiohttp have tests of their own: of redirects, cookies, timeouts, proxies, streams, broken responses, cancelled requests. They ran once as
they are, and once with the middleware of kcproxy in every client that they make. Here the middleware reads the body of *each* error response, of any
server. In a program it leaves other servers' responses alone. The outcome of each test has to be the same both ways: tests that fail without the
middleware (some expect the internet or older libraries) have to fail with it too. If an outcome differed, the tests ran again.

`python -m bench.client_suites --write` writes this page.

| Client | Tests | Without: passed, failed, skipped | With: passed, failed, skipped | Requests through the middleware | Error responses read | Different outcomes |
| --- | --- | --- | --- | ---: | ---: | --- |
"""


def page(results: Mapping[str, tuple[Found, str]]) -> str:
    """Markdown: a row for each client, then all differences. ``results``: by name, what was found and the counts of the plugin."""
    rows = "\n".join(_row(library, *results[library.name]) for library in LIBRARIES if library.name in results)
    notes = "\n".join(_difference(name, item) for name, (found, _) in results.items() for item in found.differences)
    return f"{_HEAD}{rows}\n" + (f"\n{notes}\n" if notes else "")


def _row(library: Library, found: Found, counted: str) -> str:
    ways = " | ".join(", ".join(map(str, counts(runs[0]))) for runs in (found.direct, found.proxied))
    requests, read = (line.partition(" ")[0] for line in counted.splitlines())
    tests = "all" if library.tests == ("tests",) else ", ".join(f"`{name.removeprefix('tests/')}`" for name in library.tests)
    return f"| {library.name} {library.version} | {tests} | {ways} | {requests} | {read} | {len(found.differences) or 'none'} |"


def _difference(name: str, item: Difference) -> str:
    reason = item.reason.replace("through the proxy", "with the middleware").replace("direct runs", "runs without it")
    return f"- {name}, `{item.test}`: {item.direct} without the middleware, {item.proxied} with it. Reason: {reason}."
