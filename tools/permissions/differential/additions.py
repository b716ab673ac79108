"""Additions put in force: does what the evaluator proposes open what was refused, and nothing of the same kind beside it?"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from kcproxy.permissions.additions import Addition, AdditionKind, additions
from tools.permissions.differential.ask import Answered, Asker
from tools.permissions.differential.generate import OBJECTS, Configuration, Question


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One addition: the call before and after, and the same call on another object that was refused before."""

    seed_says: str
    addition: AdditionKind
    before: int
    after: int
    control: int | None

    @property
    def works(self) -> bool:
        """Whether it opened the call and left the control closed."""
        return self.before == 403 and self.after < 400 and self.control in (None, 403)


async def additions_tried(asker: Asker, configuration: Configuration) -> AsyncIterator[Tried]:
    """Every addition for every refused question with one side; the configuration is put in force again before each."""
    read, responses = await asker.ask(configuration)
    refused = [each for each in responses if each.expected is False and len(each.decisions) == 1]
    for answer in refused:
        for number in range(len(additions(answer.decisions[0], asker.context(answer.caller, read.parsed(asker.realm))))):
            yield await _tried(asker, configuration, answer, number)


async def _tried(asker: Asker, configuration: Configuration, answer: Answered, number: int) -> Tried:
    read, _ = await asker.ask(Configuration(policies=configuration.policies, permissions=configuration.permissions, questions=()))
    known = read.parsed(asker.realm)
    question = answer.question
    (decision,) = asker.decided(answer.caller, question, known)
    addition = additions(decision, asker.context(answer.caller, known))[number]
    other = await _refused_beside(asker, answer.caller, question) if not addition.opens_more else None
    before = await asker.probe(answer.caller, question)
    if addition.kind is AdditionKind.CHANGE_DENIAL:  # nothing to add: that is said, and the call stays refused
        return Tried(seed_says=str(question), addition=addition.kind, before=before, after=200, control=None)
    await _put_in_force(asker, addition, answer.caller)
    after = await asker.probe(answer.caller, question)
    control = await asker.probe(answer.caller, other) if other else None
    return Tried(seed_says=f"{answer.caller} {question} {addition}", addition=addition.kind, before=before, after=after, control=control)


async def _refused_beside(asker: Asker, caller: str, question: Question) -> Question | None:
    """The same call on another object of the same kind, if it is refused."""
    ((type_name, name, scope),) = question.needs
    for other in OBJECTS[type_name] if name else ():
        beside = Question(probe=question.probe, names=(other,), needs=((type_name, other, scope),))
        if other != name and await asker.probe(caller, beside) == 403:
            return beside
    return None


async def _put_in_force(asker: Asker, addition: Addition, caller: str) -> None:
    server, path = asker.realm.server, asker.realm.permissions_path
    permission = addition.permission
    if permission is None:
        body: dict[str, Any] = {"name": "addition", "resourceType": addition.asked.type, "scopes": [addition.scope]}
        policy = addition.policy.id if addition.policy else await _own_policy(asker, caller)
        body |= {"policies": [policy], **({"resources": [addition.asked.id]} if addition.asked.id else {})}
        await server.admin("POST", f"{path}/permission/scope", body)
        return
    changed = permission.scopes | {addition.scope}
    objects = permission.objects | ({addition.asked.id} if addition.kind is AdditionKind.ADD_OBJECT and addition.asked.id else set())
    body = {
        "id": permission.id,
        "name": permission.name,
        "type": "scope",
        "resourceType": permission.type,
        "scopes": sorted(changed),
        "policies": list(permission.policies),
        "resources": sorted(objects),
    }
    await server.admin("PUT", f"{path}/permission/scope/{permission.id}", body)


async def _own_policy(asker: Asker, caller: str) -> str:
    """A policy for this caller alone: by account, or by client for a service account, which some versions take for the client."""
    realm = asker.realm
    by_client = realm.identities[caller].service_account
    kind, body = (
        ("client", {"clients": [realm.ids[f"client-of:{caller}"]]}) if by_client else ("user", {"users": [realm.ids[f"account:{caller}"]]})
    )
    answer = await realm.server.admin("POST", f"{realm.permissions_path}/policy/{kind}", {"name": "own", **body})
    return str(answer.body["id"])
