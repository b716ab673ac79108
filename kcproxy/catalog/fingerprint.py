"""Which Keycloak versions match the public documents of a server: OpenID Connect Discovery 1.0 and a few other public responses.

Keycloak shows its version only to administrators (`/admin/serverinfo`), but each version added something to its public documents.
The facts in ``data/discovery.json`` were recorded on real servers. They exclude facts that settings of a realm or features can change.
Intermediaries and themes can change headers and the console's messages, so these count only if they contradict nothing.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from msgspec import Struct, field

from kcproxy.model import NOTHING

DISCOVERY = "openid-configuration"
"""The name of the discovery document among the public documents."""


class PublicDocument(Struct, frozen=True, kw_only=True):
    """A server's response to a request without a token. Header names in lower case; `body` is the parsed JSON object, if it was one."""

    status: int
    headers: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    body: Mapping[str, Any] = field(default_factory=lambda: NOTHING)


class _Fact(Struct, frozen=True, kw_only=True):
    document: str
    member: str | None
    header: str | None
    value: str | None
    since: int  # index of the first version for which it holds

    def holds(self, answer: PublicDocument) -> bool:
        if self.header is not None:
            return answer.headers.get(self.header) == self.value
        there = answer.body.get(self.member or "")
        return there is not None if self.value is None else isinstance(there, list) and self.value in there


class _Facts(Struct, frozen=True, kw_only=True):
    versions: tuple[str, ...]  # oldest first
    documents: Mapping[str, Mapping[str, Any]]
    facts: tuple[_Fact, ...]


@cache
def _facts() -> _Facts:
    text = (resources.files("kcproxy.catalog") / "data" / "discovery.json").read_text(encoding="utf-8")
    content = json.loads(text)
    versions = tuple(content["keycloak"])
    facts = (
        _Fact(
            document=fact["document"],
            member=fact.get("member"),
            header=fact.get("header"),
            value=fact.get("value"),
            since=versions.index(fact["since"]),
        )
        for fact in content["facts"]
    )
    return _Facts(versions=versions, documents=content["documents"], facts=tuple(facts))


def newest_recorded() -> str:
    """The newest version whose public documents were recorded."""
    return _facts().versions[-1]


def members_of_every_version(name: str) -> tuple[str, ...]:
    """Members that the public document has in every version that has any of them. Without them it is not used."""
    return tuple(_facts().documents[name].get("members", ()))


def public_paths(realm: str) -> Mapping[str, str]:
    """The requests without a token: names and paths below the server's base URL. `realm` has to be percent-encoded."""
    return {name: entry["path"].format(realm=realm) for name, entry in _facts().documents.items()}


def versions_that_fit(discovery: Mapping[str, Any], responses: Mapping[str, PublicDocument] = NOTHING) -> tuple[str, ...]:
    """The measured versions that match, oldest first.

    `discovery` is the parsed discovery document of any realm. `answers` are the available responses to the other `public_paths`, by name.
    Several versions are returned if the facts do not distinguish them, and none if no measured version matches. A version that was
    never measured matches the measured one with the same facts. If the responses contradict each other, only `discovery` counts.
    """
    known = _facts()
    alone = {DISCOVERY: PublicDocument(status=200, body=discovery)}
    others = {name: answer for name, answer in responses.items() if _is_keycloaks(known, name, answer)}
    return _agreeing(known, others | alone) or _agreeing(known, alone)


def _is_keycloaks(known: _Facts, name: str, answer: PublicDocument) -> bool:
    """Whether any Keycloak responds there with this status code. Others come from a gateway or a failure.

    A console whose theme lacks languages that every version has says nothing of the version.
    """
    entry = known.documents.get(name)
    return entry is not None and answer.status in entry["statuses"] and answer.body.keys() >= set(entry.get("members", ()))


def _agreeing(known: _Facts, responses: Mapping[str, PublicDocument]) -> tuple[str, ...]:
    checked = [(fact.since, fact.holds(responses[fact.document])) for fact in known.facts if fact.document in responses]
    return tuple(version for index, version in enumerate(known.versions) if all((index >= since) == holds for since, holds in checked))
