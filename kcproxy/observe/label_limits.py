"""Bounds the number of label values, also for hostile requests."""

from collections.abc import Callable, Iterable

from kcproxy.model import Explanation, Target, TargetKind
from kcproxy.observe.retention import is_verified

OTHER = "other"
NONE = "none"
MAX_NAME_CHARACTERS = 100

ADMIN_ROLES = frozenset(
    {
        "admin", "create-realm", "create-client", "impersonation", "realm-admin",
        "manage-authorization", "manage-clients", "manage-events", "manage-identity-providers", "manage-organizations", "manage-realm", "manage-users",
        "query-clients", "query-groups", "query-realms", "query-users",
        "view-authorization", "view-clients", "view-events", "view-identity-providers", "view-organizations", "view-realm", "view-system", "view-users",
    }
)  # fmt: skip
"""Keycloak's built-in administration roles: the closed set of the label ``role`` if no catalog is given."""


class CappedNames:
    """Names that may be label values: ``always`` without limit, others first come, first served up to ``limit``, then "other".

    Names that Keycloak has not confirmed (a path can contain any realm) get at most a quarter of the slots, so that invented names
    cannot use up the slots of real ones.
    """

    def __init__(self, limit: int, *, always: Iterable[str] = (), on_overflow: Callable[[], None] | None = None) -> None:
        """``limit``: number of names in addition to ``always``. ``on_overflow`` is called for each name without a slot."""
        self._always = frozenset(always)
        self._names: set[str] = set()
        self._limit = limit
        self._unproven_left = (limit + 3) // 4
        self._on_overflow = on_overflow

    def __len__(self) -> int:
        """Number of names in use, without "other" and "none"."""
        return len(self._always) + len(self._names)

    def __contains__(self, name: str) -> bool:
        """True if the name is in use."""
        return name in self._always or name in self._names

    def __call__(self, name: str | None, *, proven: bool) -> str:
        """The label value for a name."""
        if name is None:
            return NONE
        if name in self._always or name in self._names:
            return name
        if _usable(name) and len(self._names) < self._limit and (proven or self._unproven_left > 0):
            self._unproven_left -= not proven
            self._names.add(name)
            return name
        if self._on_overflow is not None:
            self._on_overflow()
        return OTHER


def _usable(name: str) -> bool:
    # Unprintable names are indistinguishable on a dashboard, and lone surrogates cannot be encoded.
    return 0 < len(name) <= MAX_NAME_CHARACTERS and name.isprintable()


def operation_label(target: Target) -> str:
    """Method and template of an operation in the catalog, otherwise the kind of target; never the path."""
    if target.operation is not None:
        return target.operation.key
    return OTHER if target.kind is TargetKind.ADMIN else target.kind.value


def role_label(missing: Iterable[str], known: frozenset[str]) -> str:
    """The missing roles, joined by "+"; "none" if none is missing; "other" if one is not in ``known``."""
    roles = tuple(missing)
    if not roles:
        return NONE
    return "+".join(roles) if known.issuperset(roles) else OTHER


def proven(explanation: Explanation) -> bool:
    """True if Keycloak verified the caller's token, so that realm and client exist."""
    return is_verified(explanation.answer.status)


def client_of(explanation: Explanation) -> str | None:
    """The caller's client id, from their token."""
    return explanation.caller.client_id
