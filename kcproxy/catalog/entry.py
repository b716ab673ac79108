"""One entry of the catalog: an operation, the roles that it needs, and variants with other roles."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from msgspec import Struct

from kcproxy.model import NOTHING, Operation, Requirement

CONDITION_KEYS = frozenset({"query", "queryPresent", "bodyPresent", "bodyHasAny", "parameterIs", "target"})
"""The closed vocabulary of a variant's ``when``; ``docs/catalog-format.md`` defines each."""


class Variant(Struct, frozen=True, kw_only=True):
    """A requirement that replaces the plain one if the condition ``when`` holds."""

    id: str
    says: str
    when: Mapping[str, Any]
    requirement: Requirement
    master: Requirement | None = None

    @property
    def visible(self) -> bool:
        """Whether the request alone shows that this variant applies; otherwise only the server or a look-up knows."""
        return "target" not in self.when

    def applies(self, query: Mapping[str, Sequence[str]], body: Any, parameters: Mapping[str, str] = NOTHING) -> bool:
        """Whether every condition holds for this query, parsed JSON body and the path's parameters by name."""
        return holds(self.when, query, body, parameters)


class Entry(Struct, frozen=True, kw_only=True, dict=True):
    """An operation with its requirement for callers of the realm, its requirement for callers of master if that differs, and its variants."""

    operation: Operation
    requirement: Requirement
    master: Requirement | None = None
    variants: tuple[Variant, ...] = ()

    @cached_property
    def hidden(self) -> tuple[Variant, ...]:
        """The variants that only the server or a look-up can tell apart. Made once, because several rules ask for them."""
        return tuple(variant for variant in self.variants if not variant.visible)

    @cached_property
    def depends_on_path(self) -> bool:
        """Whether names in the path select a variant."""
        return any("parameterIs" in variant.when for variant in self.variants)

    def shown(self, *, query: Mapping[str, Sequence[str]], body: Any, parameters: Mapping[str, str] = NOTHING) -> tuple[Variant, ...]:
        """All of the most specific variants that the request shows: one body can name several roles."""
        fitting = [variant for variant in self.variants if variant.applies(query, body, parameters)]
        most = max(map(_speciality, fitting), default=0)
        return tuple(variant for variant in fitting if _speciality(variant) == most)

    def pick(self, *, query: Mapping[str, Sequence[str]], body: Any, master: bool, parameters: Mapping[str, str] = NOTHING) -> Requirement:
        """The requirement of the most specific variant that the request shows, otherwise the plain one."""
        if not self.variants:
            return self.master if master and self.master is not None else self.requirement
        fitting = [variant for variant in self.variants if variant.applies(query, body, parameters)]
        chosen: Entry | Variant = max(fitting, key=_speciality) if fitting else self
        return chosen.master if master and chosen.master is not None else chosen.requirement


def _speciality(variant: Variant) -> int:
    return sum(len(value) if isinstance(value, (dict, list)) else 1 for value in variant.when.values())


def holds(when: Mapping[str, Any], query: Mapping[str, Sequence[str]], body: Any, parameters: Mapping[str, str] = NOTHING) -> bool:
    """Whether every condition of a variant holds. What only the server knows (``target``) never does."""
    return all(_equal(value, parameters) if key == "parameterIs" else _holds(key, value, query, body) for key, value in when.items())


def _equal(pairs: Mapping[str, str], parameters: Mapping[str, str]) -> bool:
    return all(name in parameters and parameters[name] == parameters.get(other) for name, other in pairs.items())


def _holds(key: str, value: Any, query: Mapping[str, Sequence[str]], body: Any) -> bool:
    match key:
        case "query":
            return all(set(query.get(name, ())) & set(wanted) for name, wanted in value.items())
        case "queryPresent":
            return all(name in query for name in value)
        case "bodyPresent":
            return isinstance(body, Mapping) and all(body.get(name) not in (None, [], {}, "") for name in value)
        case "bodyHasAny":
            return any(_has_any(item, value) for item in _objects(body))
        case _:
            return False


def _objects(body: Any) -> list[Mapping[str, Any]]:
    items = body if isinstance(body, list) else [body]
    return [item for item in items if isinstance(item, Mapping)]


def _has_any(item: Mapping[str, Any], wanted: Mapping[str, Sequence[Any]]) -> bool:
    return all(item.get(name) in values for name, values in wanted.items())
