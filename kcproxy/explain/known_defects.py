"""Refusals that are defects of some Keycloak versions, as data: which versions, since when they are repaired, and the source."""

from dataclasses import dataclass

VersionKey = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """One defect. ``versions``: pairs of the first version with it and the first one without it.

    ``says`` continues "Keycloak has a defect". ``way_out``: what works on the defective version as well, if anything does.
    """

    says: str
    versions: tuple[tuple[VersionKey, VersionKey], ...]
    repaired: str
    source: str
    way_out: str | None = None

    def affects(self, version: VersionKey) -> bool:
        """Whether this version has it."""
        return any(first <= version < repaired for first, repaired in self.versions)

    def may_affect(self, version: VersionKey) -> bool:
        """Whether some version of the same line has it: all that is known if only the line is."""
        return any(version[:2] in {first[:2], last[:2]} and version[:2] == first[:2] for first, last in self.versions)


RESERVED_NAMES = frozenset({"admin", "create-realm"})
"""The realm roles of master that open the whole server (AdminRoles)."""

RESERVED_NAMES_IN_EVERY_REALM = Defect(
    says="it treats roles of any realm that are named admin or create-realm as the protected roles of master",
    versions=(((26, 6, 4), (26, 6, 7)), ((26, 7), (26, 7, 2))),
    repaired="26.6.7, 26.7.2",
    source="https://github.com/keycloak/keycloak/issues/51323",
    way_out="use a role with another name",
)
ROLE_NAMED_ADMIN = Defect(
    says="it lets only server administrators assign a role that is named admin, in any realm",
    versions=(((26, 4), (26, 4, 4)),),
    repaired="26.4.4, 26.5.0",
    source="https://github.com/keycloak/keycloak/issues/43578",
    way_out="use a role with another name",
)
ADMIN_ROLES_OF_MASTER = Defect(
    says="it does not let administrators of realm master assign admin roles, even those that they have",
    versions=(((26, 4), (26, 4, 8)), ((26, 5), (26, 5, 1))),
    repaired="26.4.8, 26.5.1",
    source="https://github.com/keycloak/keycloak/issues/44371",
    way_out="let a server administrator make this one assignment",
)
BROKERED_LOGIN = Defect(
    says="it refuses the list of realms after a login through an identity provider",
    versions=(((26, 0), (26, 0, 6)),),
    repaired="26.0.6",
    source="https://github.com/keycloak/keycloak/issues/34771",
)
DEFECTS = (RESERVED_NAMES_IN_EVERY_REALM, ROLE_NAMED_ADMIN, ADMIN_ROLES_OF_MASTER, BROKERED_LOGIN)
