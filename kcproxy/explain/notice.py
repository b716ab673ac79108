"""One line about a 2xx that is thinner than it could be; from catalog and claims alone, and cheap: it runs on every success."""

from kcproxy.catalog import Catalog
from kcproxy.explain.context import MASTER, grants_are_live, owner_of_roles, version_key
from kcproxy.explain.text import list_of
from kcproxy.model import Answer, Caller, Facts, RequestFacts, Requirement

_SERVERINFO = "/admin/serverinfo"
_SYSTEM_DATA_SINCE = (26, 4)
_FOR_MASTER_ONLY = "answer may be reduced: all of systemInfo, memoryInfo and cpuInfo is shown to administrators of realm master only"


def notice(request: RequestFacts, caller: Caller, catalog: Catalog) -> str | None:
    """Why the answer may be reduced, in printable ASCII for a header; None where nothing speaks for that.

    The claims must show a set of roles that is let in and none that gets the full answer. A token that shows no roles proves nothing.
    """
    target = request.target
    if target.operation is None or not caller.has_roles_claims:
        return None
    requirement = catalog.requirement(target, query=request.query, master=caller.realm == MASTER)
    if requirement is None or requirement.any_of == requirement.admits:
        return None
    if target.operation.path == _SERVERINFO and caller.realm != MASTER and version_key(catalog.version) >= _SYSTEM_DATA_SINCE:
        return _FOR_MASTER_ONLY
    container, _ = owner_of_roles(caller, target.realm)
    held = frozenset(caller.client_roles.get(container, ()))
    if catalog.satisfies(held, requirement.any_of) or not catalog.satisfies(held, requirement.admits):
        return None
    return _ascii(_sentence(requirement, container, held, catalog))


def is_by_token(caller: Caller, catalog: Catalog) -> bool:
    """Whether what the caller gets to see depends on the roles in his token, so that a newer token may show more."""
    return not grants_are_live(version_key(catalog.version), caller, Answer(status=200), Facts())


def _sentence(requirement: Requirement, container: str, held: frozenset[str], catalog: Catalog) -> str:
    what = next((says for key, says in requirement.reduced.items() if catalog.satisfies(held, (tuple(key.split("+")),))), None)
    reason = f" ({what})" if what else ""
    full = requirement.full or requirement.least
    if full is None:
        return f"answer may be reduced{reason}: no role of {container} gets all of it"
    return f"answer may be reduced{reason}: the full one takes {list_of(full)} of {container}"


def _ascii(text: str) -> str:
    return "".join(character if " " <= character <= "~" else "?" for character in text)[:300]
