"""What fine-grained admin permissions an operation requires, by the measured tables, and how that is said."""

from collections.abc import Sequence
from functools import lru_cache

from kcproxy.catalog.permissions import PermissionEntry, PermissionNeed, Term, TermSet, permission_entry
from kcproxy.explain.context import Context
from kcproxy.explain.targets import hidden
from kcproxy.explain.visible_facts import CLIENT_ROLE
from kcproxy.permissions.facts import Item

_ONE = {"Users": "user", "Groups": "group", "Clients": "client", "Roles": "role", "Organizations": "organization"}
_MOST_ALTERNATIVES = 3
_VERSION_PARTS = 3


def permission_need(context: Context, item: Item | None = None) -> PermissionNeed | None:
    """The need of the call if a permission can open it. None for callers of another realm: permissions count only in their own.

    ``item``: the need for this item of a list in the body.
    """
    operation, realm = context.request.target.operation, context.request.target.realm
    if operation is None or realm is None or context.caller.realm not in {None, realm}:
        return None
    entry = permission_entry(context.version[:_VERSION_PARTS], operation.method, operation.path, operation.body)
    if entry is None:
        return None
    need = _of_client_role(entry) if context.facts.target_role_is_client else None
    body = context.request.body if item is None or item.body is None else [item.body]
    need = need or entry.pick(context.request.query, body, context.request.target.parameters)
    if not need.opening and is_of_unknown_owner(context):
        need = _of_client_role(entry) or need
    return need if need.opening else None


def is_of_unknown_owner(context: Context) -> bool:
    """Whether the role with the ID in the path may be one of a client: that was not looked up, or is hidden from the caller."""
    return any(variant.id == CLIENT_ROLE for variant in hidden(context))


def _of_client_role(entry: PermissionEntry) -> PermissionNeed | None:
    return next((variant.need for variant in entry.variants if variant.id == CLIENT_ROLE), None)


def need_in_words(need: PermissionNeed) -> str:
    """``the scope view on the user``; alternatives are separated by ``, or``."""
    return _alternatives_in_words(need.opening)


@lru_cache(512)
def _alternatives_in_words(sets: tuple[TermSet, ...]) -> str:
    more = len(sets) > _MOST_ALTERNATIVES
    return ", or ".join(map(terms_in_words, sets[:_MOST_ALTERNATIVES])) + (", or others" if more else "")


def terms_in_words(terms: TermSet) -> str:
    """Terms that are needed together."""
    return joined([_term_in_words(term) for term in terms])


def _term_in_words(term: Term) -> str:
    if term.role:
        return f"the role {term.role}"
    return f"the scope {term.scope} on {_object_in_words(term)}"


def _object_in_words(term: Term) -> str:
    one = _ONE.get(term.type, term.type)
    return f"the {one}" if term.object else f"all {one}s"


def one_of(type_name: str) -> str:
    """``user`` for the resource type Users."""
    return _ONE.get(type_name, type_name)


def joined(parts: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return ", ".join(parts[:-1]) + " and " + parts[-1] if len(parts) > 1 else "".join(parts)
