"""Label values that stay few, whatever a hostile caller sends."""

from collections.abc import Callable, Iterable

from kcproxy.model import Explanation, Target, TargetKind

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
"""The roles that Keycloak itself makes for administration: the closed set of the label ``role`` where no catalog is given."""


class CappedNames:
    """Names that may be label values: ``always`` by right, others first come, first served up to ``limit``, then "other".

    A name that Keycloak has not proven to exist (anybody can write any realm into a path) competes for a quarter of the
    places only, so that a flood of invented names cannot take the places of real ones.
    """

    def __init__(self, limit: int, *, always: Iterable[str] = (), on_overflow: Callable[[], None] | None = None) -> None:
        """``limit`` counts the names beyond ``always``; ``on_overflow`` is called for every name that gets no place."""
        self._always = frozenset(always)
        self._names: set[str] = set()
        self._limit = limit
        self._unproven_left = (limit + 3) // 4
        self._on_overflow = on_overflow

    def __len__(self) -> int:
        """How many different names can come out, "other" and "none" left out."""
        return len(self._always) + len(self._names)

    def __contains__(self, name: str) -> bool:
        """Whether the name has its place already."""
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
    # What is not printable cannot be told apart on a dashboard, and lone surrogates cannot be encoded at all.
    return 0 < len(name) <= MAX_NAME_CHARACTERS and name.isprintable()


def operation_label(target: Target) -> str:
    """Method and template of a catalogued operation, else the kind of target: never the path itself."""
    if target.operation is not None:
        return target.operation.key
    return OTHER if target.kind is TargetKind.ADMIN else target.kind.value


def role_label(missing: Iterable[str], known: frozenset[str]) -> str:
    """The missing roles, "+" between those that are needed together; "none" where none is, "other" where one is not Keycloak's own."""
    roles = tuple(missing)
    if not roles:
        return NONE
    return "+".join(roles) if known.issuperset(roles) else OTHER


def proven(explanation: Explanation) -> bool:
    """Whether Keycloak has verified the caller's token, so that realm and client are real: it says 403, not 401."""
    return explanation.answer.status == 403


def client_of(explanation: Explanation) -> str | None:
    """The client id of the caller, as his token says."""
    return explanation.caller.client_id
