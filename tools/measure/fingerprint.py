"""Public documents of each version, and the smallest set of facts that distinguishes the versions without a login.

`python -m tools.measure.fingerprint record VERSION…` starts each version and writes what it showed to `tests/catalog/recorded/`
(`record-other`: to `other-releases` in it, for releases that no table is measured on, which only test the facts);
`python -m tools.measure.fingerprint derive` reads all of these and writes `kcproxy/catalog/data/discovery.json`.
"""

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

from devkit.realserver import RealServer
from devkit.realserver.distribution import version_numbers

_PROJECT = Path(__file__).resolve().parents[2]
RECORDED = _PROJECT / "tests" / "catalog" / "recorded"
_OTHER = "other-releases"
DISCOVERY = _PROJECT / "kcproxy" / "catalog" / "data" / "discovery.json"

_DISCOVERY = "openid-configuration"
_CONSOLE = "console-messages"
DOCUMENTS = {
    _DISCOVERY: "/realms/{realm}/.well-known/openid-configuration",
    "oauth-authorization-server": "/realms/{realm}/.well-known/oauth-authorization-server",
    "certs": "/realms/{realm}/protocol/openid-connect/certs",
    _CONSOLE: "/admin/{realm}/console/messages.json",
}
"""Name → path, best first: facts of an earlier document are preferred (the last depends on the theme of the console). All of them are answered to callers without a token.

Nothing that Keycloak logs as an error belongs here: userinfo without a token writes a warning USER_INFO_REQUEST_ERROR at every look-up.
"""

# Not x-robots-tag: it came with a patch release and is a setting of the realm.
_HEADERS = ("cache-control", "content-type")

_NOT_THE_VERSIONS_OWN = {
    "scopes_supported": "the client scopes of the realm",
    "acr_values_supported": "the levels of authentication of the realm",
    "dpop_signing_alg_values_supported": "there as soon as the feature dpop is on, a preview before 26.4",
    "urn:ietf:params:oauth:grant-type:jwt-bearer": "there as soon as the feature jwt-authorization-grant is on, a preview before 26.7",
    "urn:ietf:params:oauth:grant-type:token-exchange": "there as soon as the feature token-exchange is on, a preview before 26.2",
}
"""Members and values that an administrator can switch, with the reason: they say nothing certain about the version."""

_EVERY_KEYCLOAK = "check_session_iframe"
"""A member that all versions have and that no setting takes away: without it the document is not Keycloak's."""

Fact = dict[str, str]
Answers = Mapping[str, Mapping[str, Any]]


def record(version: str, *, prepared: bool = True) -> dict[str, Any]:
    """The responses of a fresh server's master realm; addresses are replaced, keys left out."""
    with RealServer(version, prepared=prepared) as server:
        return answers_of(server.base_url)


def answers_of(base_url: str) -> dict[str, Any]:
    """What a running server's master realm shows to everyone."""
    return {name: _ask(base_url, path.format(realm="master")) for name, path in DOCUMENTS.items()}


def _ask(base_url: str, path: str) -> dict[str, Any]:
    try:
        answer = urllib.request.urlopen(base_url + path, timeout=30)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        text = answer.read().decode().replace(base_url, "https://keycloak.example")
        headers = {name: answer.headers[name] for name in _HEADERS if name in answer.headers}
        return {"status": answer.status, "headers": headers, "body": _public_part(text)}


def _public_part(text: str) -> dict[str, Any]:
    body = json.loads(text) if text else {}
    return {name: value for name, value in body.items() if name != "keys"}


def facts_of(responses: Answers) -> Iterator[Fact]:
    """Everything that can be said about a version's answers, as facts in the form of `discovery.json`."""
    for name, answer in responses.items():
        if name not in DOCUMENTS:
            continue  # recorded earlier, and no longer asked
        yield {"document": name, "status": str(answer["status"])}
        if name != _DISCOVERY:  # the look-up is given its body alone
            for header, value in answer["headers"].items():
                yield {"document": name, "header": header, "value": value}
        if answer["status"] == 200:
            yield from _facts_of_body(name, answer["body"])


def _facts_of_body(name: str, body: Mapping[str, Any]) -> Iterator[Fact]:
    for member, value in body.items():
        if member in _NOT_THE_VERSIONS_OWN:
            continue
        yield {"document": name, "member": member}
        for item in value if isinstance(value, list) else ():
            if item not in _NOT_THE_VERSIONS_OWN:
                yield {"document": name, "member": member, "value": str(item)}


def distinguishing(recorded: Mapping[str, Answers], others: Mapping[str, Answers]) -> list[dict[str, Any]]:
    """A small set of facts, each with the version `since` which it holds, that tells apart all versions that any fact tells apart.

    `others` are other releases of the same lines (major.minor): a fact that came or went with a patch release is no fact of the line.
    """
    holds = _holding(recorded, others)
    ordered = sorted(recorded, key=version_numbers)
    open_pairs = {pair for pair in combinations(ordered, 2) if any((pair[0] in there) != (pair[1] in there) for there in holds.values())}
    chosen = []
    while open_pairs:
        text = max(holds, key=lambda key: (_gain(holds[key], open_pairs), _preference(json.loads(key))))
        chosen.append(json.loads(text) | {"since": min(holds[text], key=version_numbers)})
        open_pairs = {(one, other) for one, other in open_pairs if (one in holds[text]) == (other in holds[text])}
    return sorted(chosen, key=lambda fact: version_numbers(fact["since"]))


def _holding(recorded: Mapping[str, Answers], others: Mapping[str, Answers]) -> dict[str, frozenset[str]]:
    """Each fact (as JSON) to the versions if it holds. Only facts that a version brought and all later ones kept: others are accidents."""
    ordered = sorted(recorded, key=version_numbers)
    found: dict[str, set[str]] = {}
    for version in ordered:
        for fact in facts_of(recorded[version]):
            found.setdefault(json.dumps(fact), set()).add(version)
    tails = {frozenset(ordered[at:]) for at in range(1, len(ordered))}
    shown = [(_line(release), set(responses), {json.dumps(fact) for fact in facts_of(responses)}) for release, responses in others.items()]
    lines = {_line(version): version for version in ordered}

    def is_of_the_line(fact: str, there: set[str]) -> bool:
        document = json.loads(fact)["document"]
        return all((fact in facts) == (lines[line] in there) for line, asked, facts in shown if document in asked)

    return {fact: frozenset(there) for fact, there in sorted(found.items()) if there in tails and is_of_the_line(fact, there)}


def _line(version: str) -> tuple[int, ...]:
    return version_numbers(version)[:2]


def _gain(there: frozenset[str], pairs: set[tuple[str, str]]) -> int:
    return sum((one in there) != (other in there) for one, other in pairs)


def _preference(fact: Fact) -> tuple[int, int, str]:
    """Earlier documents first; then bodies before statuses before headers, which things in between may change."""
    kind = 2 if "member" in fact else 1 if "status" in fact else 0
    return (-list(DOCUMENTS).index(fact["document"]), kind, json.dumps(fact))


def derive() -> dict[str, Any]:
    """The content of `discovery.json` from all recorded answers: the newest version of each line (major.minor), for public documents tell no more."""
    every = _read(RECORDED)
    newest = {_line(version): version for version in sorted(every, key=version_numbers)}
    recorded = {version: every[version] for version in newest.values()}
    others = {version: responses for version, responses in every.items() if version not in recorded}
    versions = sorted(recorded, key=version_numbers)
    first: Fact = {"document": _DISCOVERY, "member": _EVERY_KEYCLOAK, "since": versions[0]}
    facts = [first, *distinguishing(recorded, _read(RECORDED / _OTHER) | others)]
    used = [name for name in DOCUMENTS if any(fact["document"] == name for fact in facts)]
    documents = {
        name: {"path": DOCUMENTS[name], "statuses": sorted({recorded[version][name]["status"] for version in versions})} for name in used
    }
    if _CONSOLE in documents:
        documents[_CONSOLE]["members"] = _shared(each[_CONSOLE]["body"] for each in every.values())
    return {"schema": 1, "keycloak": versions, "documents": documents, "facts": facts}


def _shared(bodies: Iterable[Mapping[str, Any]]) -> list[str]:
    """Members of all versions that have any: a custom theme can replace the languages of the console, and then lacks them."""
    return sorted(set.intersection(*(set(body) for body in bodies if body)))


def document(content: Mapping[str, Any]) -> str:
    """`discovery.json` as text, one fact a line."""
    head = json.dumps({name: value for name, value in content.items() if name != "facts"}).removesuffix("}")
    facts = ",\n".join(json.dumps(fact) for fact in content["facts"])
    return f'{head},\n"facts": [\n{facts}\n]}}\n'


def _read(folder: Path) -> dict[str, Answers]:
    return {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}


def write_answers(path: Path, responses: Answers) -> None:
    """Keep what a version showed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(responses, indent=1) + "\n")


def main(arguments: list[str]) -> int:
    """Exit code 2 for a wrong call."""
    match arguments:
        case ["record", *versions] if versions:
            for version in versions:
                write_answers(RECORDED / f"{version}.json", record(version))
        case ["record-other", *versions] if versions:
            for version in versions:
                write_answers(RECORDED / _OTHER / f"{version}.json", record(version, prepared=False))
        case ["derive"]:
            DISCOVERY.write_text(document(derive()))
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
