"""One line about a 2xx that contains less than it could, from catalog and claims alone. It runs for every success, so it is cheap."""

from kcproxy.catalog import Catalog
from kcproxy.catalog.permissions import permission_entry
from kcproxy.explain.context import MASTER, grants_are_live, owner_of_roles, version_key
from kcproxy.explain.notices.assignable_roles import available_notice, lists_assignable_roles, may_leave_out
from kcproxy.explain.notices.server_info import SERVER_INFO, lacks_fields, server_info_notice, version_of
from kcproxy.explain.text import list_of
from kcproxy.model import Answer, Caller, Facts, Operation, RequestFacts, Requirement


def notice(request: RequestFacts, caller: Caller, catalog: Catalog, server: str | None = None) -> str | None:
    """Why the response may be reduced, in printable ASCII for a header; None if nothing suggests that. ``server``: its version, if known.

    The claims must show roles that are let in and do not get the full response. A token that shows no roles proves nothing, except for
    server info, of which most callers get less.
    """
    operation = request.target.operation
    if operation is None:
        return None
    if operation.path == SERVER_INFO:
        return server_info_notice(caller, catalog, version_of(catalog, server))
    if lists_assignable_roles(operation):
        defect = available_notice(caller, version_of(catalog, server))
        if defect is not None:
            return defect
    return _by_roles(request, operation, caller, catalog) if caller.has_roles_claims else None


def _by_roles(request: RequestFacts, operation: Operation, caller: Caller, catalog: Catalog) -> str | None:
    target = request.target
    requirement = catalog.requirement(target, query=request.query, master=caller.realm == MASTER)
    if requirement is None or (requirement.any_of == requirement.admits and not is_thinned_by_permissions(operation, catalog)):
        return None
    container, _ = owner_of_roles(caller, target.realm)
    held = frozenset(caller.client_roles.get(container, ()))
    if catalog.satisfies(held, requirement.any_of):
        return None
    listed = LISTED if is_thinned_by_permissions(operation, catalog) and caller.realm == target.realm else None
    if not catalog.satisfies(held, requirement.admits):
        return f"response may be reduced: {listed}" if listed else None
    return _ascii(_sentence(requirement, container, held, catalog) + (f"; {listed}" if listed else ""))


LISTED = "if the realm uses fine-grained admin permissions, they decide what is listed"


def is_thinned_by_permissions(operation: Operation, catalog: Catalog) -> bool:
    """Whether permissions let some callers in who do not get everything, by the table of permissions."""
    if operation.method != "GET":
        return False
    entry = permission_entry(version_key(catalog.version)[:3], operation.method, operation.path, operation.body)
    if entry is None or not entry.need.opening:
        return False
    levels = entry.need.levels
    return bool(entry.need.reduced) or levels.any_of != levels.admits


def is_thinned_otherwise(operation: Operation, catalog: Catalog) -> bool:
    """Whether a response may lack something for another reason than the roles of the table."""
    if operation.path == SERVER_INFO:
        return lacks_fields(version_key(catalog.version))
    return lists_assignable_roles(operation) and may_leave_out(catalog)


def is_by_token(caller: Caller, catalog: Catalog) -> bool:
    """Whether the content of a response depends on the roles in the token, so that a newer token may show more."""
    return not grants_are_live(version_key(catalog.version), caller, Answer(status=200), Facts())


def _sentence(requirement: Requirement, container: str, held: frozenset[str], catalog: Catalog) -> str:
    what = next((says for key, says in requirement.reduced.items() if catalog.satisfies(held, (tuple(key.split("+")),))), None)
    reason = f" ({what})" if what else ""
    full = requirement.full or requirement.least
    if full is None:
        return f"response may be reduced{reason}: no role of {container} gets all of it"
    return f"response may be reduced{reason}: the full one requires {list_of(full)} of {container}"


def _ascii(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text[:300]
    return "".join(character if " " <= character <= "~" else "?" for character in text)[:300]
