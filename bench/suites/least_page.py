"""The section of the page about the least set."""

from collections.abc import Sequence

from bench.suites.judge_least import administrator_runs
from bench.suites.least import LeastDifference, LeastFound, LeastReason
from bench.suites.outcome import Found, Run, counts
from bench.suites.suite import Suite

Listed = Sequence[tuple[Suite, Found | None, LeastFound | None]]

_TITLE = "\n## With the least set\n"
_PAGE_TITLE = "# Test suites of client libraries with the least set on Keycloak {version}\n"
_HEAD = """
On Keycloak {version}: the suites log in as an administrator of realm master. Each ran once as that administrator, through a `kcproxy serve` with the record of use. `kcproxy audit --client
admin-cli --held realm-admin` computed the least set for what was called (tokens of `admin-cli` name no roles). Then it ran on a new Keycloak, again through `kcproxy serve`, as a user of the same name who had
exactly this set. Keycloak gives the creator of a realm all roles of its client `{{realm}}-realm` except `impersonation`; within a tenth of a second, they were taken from
the user, except those of the set. Both proxies have `upstream.preserve_host`. These servers have the default features, because the role tables are measured with
them: tests of other features fail both ways.

`python -m bench.suites --least{option} --write` repeats this.

| Library | As administrator: passed, failed, skipped | With the least set: passed, failed, skipped | Different outcomes |
| --- | --- | --- | --- |
"""


def least_section(listed: Listed, *, version: str) -> str:
    """Markdown for the page of the suites: a table of suites, then their sets and all differences. "" if no suite was run so."""
    return _TITLE + _text(listed, version, "") if any(found for _, _, found in listed) else ""


def least_page(listed: Listed, *, version: str) -> str:
    """The same as a page of its own, for another version."""
    return _PAGE_TITLE.format(version=version) + _text(listed, version, f" --keycloak {version}")


def _text(listed: Listed, version: str, option: str) -> str:
    rows = "\n".join(_row(*each) for each in listed)
    notes = "\n\n".join(_notes(suite, found, known) for suite, known, found in listed if found)
    return f"{_HEAD.format(version=version, option=option)}{rows}\n\n{notes}\n"


def _row(suite: Suite, known: Found | None, found: LeastFound | None) -> str:
    if found is None:
        return f"| {suite.library} | not run here | | |"
    ways = " | ".join(_counted(run) for run in (found.recorded, found.least[0]))
    return f"| {suite.library} | {ways} | {len(_differences(suite, found, known)) or 'none'} |"


def _counted(run: Run) -> str:
    return ", ".join(map(str, counts(run)))


def _differences(suite: Suite, found: LeastFound, known: Found | None) -> tuple[LeastDifference, ...]:
    return found.differences(suite.with_least, administrator_runs(known))


def _notes(suite: Suite, found: LeastFound, known: Found | None) -> str:
    granted = {"realm roles": found.least_set.realm_roles, **{f"`{client}`": roles for client, roles in found.granted.items()}}
    lines = [
        f"### {suite.library} with the least set",
        "",
        f"- Granted: {'; '.join(f'{of}: {_roles(roles)}' for of, roles in granted.items())}.",
    ]
    if found.made:
        lines.append(f"- Realms that it makes: {len(found.made)}. It uses there, all together: {_roles(found.least_set.of(found.made))}.")
    if found.least_set.whole:
        whole = ", ".join(f"`{operation}`" for operation in found.least_set.whole)
        lines.append(f"- Only the realm role `admin` gets the same response of {whole}. It was not granted.")
    lines += [f"- No roles are known for {each}." for each in found.least_set.open]
    lines += [f"- Differs: {_said(item)}" for item in _differences(suite, found, known)]
    return "\n".join(lines)


def _roles(roles: Sequence[str]) -> str:
    return ", ".join(f"`{role}`" for role in roles) or "none"


def _said(item: LeastDifference) -> str:
    before, after = (text.partition("\n")[0] for text in (item.recorded, item.least))
    ways = f"{before} as administrator, {after} with the least set" if before != after else "prints something else"
    return f"`{item.test}` ({ways}): {item.reason}."


def least_faults(suite: Suite, found: LeastFound, known: Found | None) -> list[str]:
    """Differences that nothing explains, with both outputs."""
    return [
        f"{suite.name}: {item.test}: {item.reason}\n  as administrator: {item.recorded}\n  with the least set: {item.least}"
        for item in _differences(suite, found, known)
        if item.reason in {LeastReason.UNKNOWN, LeastReason.ONCE}
    ]
