"""The cause of a refusal that is a defect of this Keycloak version. The list of defects is data: ``known_defects``."""

from kcproxy.explain.causes.guards import passes_plainly, suffices
from kcproxy.explain.causes.spec import NOT_ALLOWED, CauseSpec, Remedy
from kcproxy.explain.context import MASTER, Context
from kcproxy.explain.evidence import admin_roles_in, grant_evidence, names_in, token_evidence
from kcproxy.explain.finding import LIKELY, POSSIBLE, Evidence, Finding, found
from kcproxy.explain.known_defects import (
    ADMIN_ROLES_OF_MASTER,
    ADMIN_ROLES_OF_REALM,
    BROKERED_LOGIN,
    RESERVED_NAMES,
    RESERVED_NAMES_IN_EVERY_REALM,
    ROLE_NAMED_ADMIN,
    Defect,
    Versions,
)
from kcproxy.explain.targets import realm_role_in
from kcproxy.explain.text import list_of, shown
from kcproxy.model import Cause

_ROLES_BY_ID = "/roles-by-id/{role-id}"


def _defect(context: Context, defect: Defect, *evidence: Evidence) -> Finding | None:
    """Likely on a version that has it; possible where that is uncertain, or if only the line of the version is known and a part of it has it."""
    among = defect.among(context.version) if context.version_known else None
    if among is None and (context.version_known or not defect.may_affect_line(context.version)):
        return None
    repaired = " or ".join(defect.repaired)
    way_out = f"Upgrade Keycloak to {repaired} or later"
    return found(
        Cause.KNOWN_DEFECT,
        LIKELY if among is not None and among.doubt is None else POSSIBLE,
        *evidence,
        *_about_version(context, defect, among),
        reason=None if among is not None and among.doubt is None else "Keycloak {version} may have a defect ({defect})",
        remedy=f"{way_out}; until then, {defect.way_out}" if defect.way_out else f"{way_out}; no role can work around this defect",
        defect=defect.says,
        repaired=repaired,
    )


def _about_version(context: Context, defect: Defect, among: Versions | None) -> tuple[str, ...]:
    version, source = context.words["version"], f"the defect is described at {defect.source}"
    if among is None:
        return (
            f"the exact version is not known, only that it is of the line of Keycloak {version}, of which some versions have it; {source}",
        )
    if among.doubt is None:
        return (f"this is Keycloak {version}; {source}",)
    return (f"this is Keycloak {version}; {source}", f"whether this version has it is not certain: {among.doubt}")


def reserved_name_defect(context: Context) -> Finding | None:
    """A role of an ordinary realm that has the name of one of master's protected roles."""
    if context.request.target.realm in {None, MASTER} or context.method == "GET" or not suffices(context):
        return None
    name = realm_role_in(context.request.target)
    if name is None and _ROLES_BY_ID in context.template:
        name = next((each for each in names_in(context.request.body) if each in RESERVED_NAMES), None)
    if name not in RESERVED_NAMES:
        return None
    return _defect(context, RESERVED_NAMES_IN_EVERY_REALM, f"the role of the call is named {name}", token_evidence, grant_evidence)


def admin_name_defect(context: Context) -> Finding | None:
    """A role that is named admin is assigned, which belongs to a realm or client of its own."""
    if context.request.target.realm in {None, MASTER} or "/role-mappings/" not in context.template or context.method == "GET":
        return None
    if "admin" not in names_in(context.request.body) or not passes_plainly(context):
        return None
    return _defect(context, ROLE_NAMED_ADMIN, "the body names a role admin", token_evidence, grant_evidence)


def mapping_defect(context: Context) -> Finding | None:
    """A master administrator maps admin roles that the administrator has: of the realm in the path, or of another realm's client in master."""
    roles = admin_roles_in(context)
    if "/role-mappings/clients" not in context.template or not context.from_master or not roles:
        return None
    owner = _owner_with(context, roles)
    if owner is None or not passes_plainly(context, context.held):
        return None
    says = f"the token of {context.words['who']} contains {list_of(roles)} of {shown(owner)}, which the body assigns"
    return _defect(context, ADMIN_ROLES_OF_MASTER, says)


def _owner_with(context: Context, roles: tuple[str, ...]) -> str | None:
    """The client in master of which the token has all these roles. In master itself that may be the client of any realm."""
    if context.held.issuperset(roles):
        return context.container
    if context.request.target.realm != MASTER:
        return None
    clients = context.caller.client_roles
    owners = (name for name in clients if name.endswith("-realm") and name != context.container)
    return next((name for name in owners if context.catalog.closure(clients[name]).issuperset(roles)), None)


def realm_mapping_defect(context: Context) -> Finding | None:
    """A realm-admin of the realm maps admin roles of the realm."""
    roles = admin_roles_in(context)
    if "/role-mappings/clients" not in context.template or context.from_master or not roles or not suffices(context):
        return None
    return _defect(context, ADMIN_ROLES_OF_REALM, f"the body assigns {list_of(roles)}", token_evidence, grant_evidence)


def broker_login_defect(context: Context) -> Finding | None:
    """26.0 responds with 401 to the console's list of realms after a login through an identity provider."""
    if not context.request.target.raw_path.endswith("/ui-ext/realms/names"):
        return None
    return _defect(context, BROKERED_LOGIN)


KNOWN_DEFECT = CauseSpec(
    cause=Cause.KNOWN_DEFECT,
    meaning="The refusal is a defect of this Keycloak version, fixed in a later one. The caller has everything that the call requires.",
    reason="Keycloak {version} has a defect ({defect})",
    effect=NOT_ALLOWED,
    check="Repeat the call on a version with the correction: {repaired}.",
    rules=(reserved_name_defect, admin_name_defect, mapping_defect, realm_mapping_defect, broker_login_defect),
    remedies=(Remedy(summary="Upgrade Keycloak; no role can work around this defect"),),
)
SPECS = (KNOWN_DEFECT,)
