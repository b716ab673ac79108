"""Variants of an operation that the request does not show: only the server, or a look-up, can tell which one applies."""

from kcproxy.catalog import Variant
from kcproxy.explain.context import Context
from kcproxy.explain.visible_facts import CLIENT_ROLE
from kcproxy.model import Requirement

GUARD_VARIANTS = ("admin-role-", "administrator")


def is_guard(variant: Variant) -> bool:
    """Whether the variant is about granting or assuming privileges: kcproxy never recommends more of them for that."""
    return variant.id.startswith(GUARD_VARIANTS)


def hidden(context: Context) -> tuple[Variant, ...]:
    """The variants of the operation that nobody has looked up."""
    entry = context.catalog.entry(context.request.target)
    variants = entry.hidden if entry else ()
    if context.facts.target_role_is_client is None:
        return variants
    return tuple(variant for variant in variants if variant.id != CLIENT_ROLE)


def need_of(variant: Variant, context: Context) -> Requirement:
    """What the variant requires of this caller."""
    return (variant.master if context.from_master else None) or variant.requirement
