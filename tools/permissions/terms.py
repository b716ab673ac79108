"""Terms: what a caller can be given. A query role, a scope for all objects of a type, or a scope for one object.

`query-users` is a role of realm-management, `Users.view` a permission for all users, `Users.view@user` one for the object `user`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tools.measure.sets import RoleSet

QUERY = "query-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A scope of a type, for one object (by its key among the operation's objects) or, with `target` empty, for all."""

    type: str
    scope: str
    target: str = ""

    def __str__(self) -> str:
        return f"{self.type}.{self.scope}" + (f"@{self.target}" if self.target else "")


def is_role(text: str) -> bool:
    """Whether a term is a role: types begin with a capital letter, roles do not."""
    return "." not in text


def term_of(text: str) -> Term:
    """The term that a text stands for."""
    type_name, _, rest = text.partition(".")
    scope, _, target = rest.partition("@")
    return Term(type=type_name, scope=scope, target=target)


def roles_of(terms: Iterable[str]) -> RoleSet:
    """The roles among the terms."""
    return frozenset(text for text in terms if is_role(text))


def type_wide(types: Mapping[str, Sequence[str]]) -> list[str]:
    """Every scope for all objects of its type."""
    return [str(Term(type=name, scope=scope)) for name, scopes in types.items() for scope in scopes]


def for_objects(types: Mapping[str, Sequence[str]], objects: Mapping[str, str]) -> list[str]:
    """Every scope for each object; `objects` maps a key to its type."""
    return [str(Term(type=name, scope=scope, target=key)) for key, name in objects.items() for scope in types.get(name, ())]


def containment(types: Mapping[str, Sequence[str]], objects: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """What each term contains: a scope for all objects contains the scope for each of them."""
    inner: dict[str, set[str]] = {text: set() for text in type_wide(types)}
    for text in for_objects(types, objects):
        inner[text.partition("@")[0]].add(text)
    return {text: frozenset(parts) for text, parts in inner.items()}


def by_permission(terms: Iterable[str]) -> dict[tuple[str, str], frozenset[str]]:
    """The permissions that a set of terms takes: (type, object or empty) → scopes."""
    found: dict[tuple[str, str], set[str]] = {}
    for text in terms:
        if not is_role(text):
            term = term_of(text)
            found.setdefault((term.type, term.target), set()).add(term.scope)
    return {key: frozenset(scopes) for key, scopes in found.items()}
