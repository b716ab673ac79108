"""Refusals that are defects of some Keycloak versions, as data: which versions, since when they are repaired, and the source."""

from msgspec import Struct

VersionKey = tuple[int, ...]


class Versions(Struct, frozen=True, kw_only=True):
    """Versions from ``first`` up to, but not including, ``end``. ``doubt``: why it is not certain that they have the defect."""

    first: VersionKey
    end: VersionKey
    doubt: str | None = None

    def __contains__(self, version: VersionKey) -> bool:
        return self.first <= version < self.end


class Defect(Struct, frozen=True, kw_only=True):
    """One defect. ``versions``: those that have it, also those of which that is uncertain. ``repaired``: the first versions without it.

    ``says`` continues "Keycloak has a defect". ``source``: the report that says so. ``way_out``: what works on the defective version as
    well, if anything does.
    """

    says: str
    versions: tuple[Versions, ...]
    repaired: tuple[str, ...]
    source: str
    way_out: str | None = None

    def among(self, version: VersionKey) -> Versions | None:
        """The entry that this version belongs to; None if the version does not have the defect."""
        return next((each for each in self.versions if version in each), None)

    def may_affect_line(self, version: VersionKey) -> bool:
        """Whether some version of the same line (26.7 of 26.7.5) may have it: all that is known if only the line is."""
        line = version[:2]
        return any(each.first[:2] <= line and (*line,) < each.end for each in self.versions)


RESERVED_NAMES = frozenset({"admin", "create-realm"})
"""The realm roles of master that open the whole server (AdminRoles)."""

RESERVED_NAMES_IN_EVERY_REALM = Defect(
    says="it treats roles of any realm that are named admin or create-realm as the protected roles of master",
    versions=(
        Versions(first=(26, 7), end=(26, 7, 2)),
        Versions(
            first=(26, 6, 5),
            end=(26, 6, 7),
            doubt="26.6.3 does not have it, and 26.6.7 repairs it; which versions between them have it is not documented",
        ),
    ),
    repaired=("26.6.7", "26.7.2"),
    source="https://github.com/keycloak/keycloak/issues/51323",
    way_out="use a role with another name",
)
"""The check came with pull request 49624 in 26.7.0. Its backport to 26.6 (49956) says that 26.6.4 was released without it."""

ROLE_NAMED_ADMIN = Defect(
    says="it lets only server administrators assign a role that is named admin, in any realm",
    versions=(Versions(first=(26, 4), end=(26, 4, 4)),),
    repaired=("26.4.4", "26.5.0"),
    source="https://github.com/keycloak/keycloak/issues/43578",
    way_out="use a role with another name",
)
"""Repaired together with issue 43579, which is labelled 26.4.4 and 26.5.0 (pull request 43677)."""

ADMIN_ROLES_OF_MASTER = Defect(
    says="it does not let administrators of realm master assign admin roles, even those that they have",
    versions=(
        Versions(first=(26, 4), end=(26, 4, 8)),
        Versions(first=(26, 5), end=(26, 5, 1), doubt="26.5.1 repairs it; that 26.5.0 has it follows only from that"),
    ),
    repaired=("26.4.8", "26.5.1"),
    source="https://github.com/keycloak/keycloak/issues/44371",
    way_out="let a server administrator make this one assignment",
)

ADMIN_ROLES_OF_REALM = Defect(
    says="it does not let realm-admin of a realm assign the admin roles of that realm",
    versions=(Versions(first=(26, 4), end=(26, 4, 4)),),
    repaired=("26.4.4", "26.5.0"),
    source="https://github.com/keycloak/keycloak/issues/43579",
    way_out="let a server administrator make this one assignment",
)
BROKERED_LOGIN = Defect(
    says="it refuses the list of realms after a login through an identity provider",
    versions=(
        Versions(first=(26, 0, 5), end=(26, 0, 9)),
        Versions(first=(26, 0), end=(26, 0, 5), doubt="the reports are about 26.0.5 to 26.0.8"),
        Versions(first=(26, 0, 9), end=(26, 1), doubt="the reports are about 26.0.5 to 26.0.8"),
    ),
    repaired=("26.1.0",),
    source="https://github.com/keycloak/keycloak/issues/34356",
)
"""Further reports: 35277 (26.0.6), 35731 (26.0.7), 37889 (26.0.8). The first correction (pull request 35128) was reverted."""

DEFECTS = (RESERVED_NAMES_IN_EVERY_REALM, ROLE_NAMED_ADMIN, ADMIN_ROLES_OF_MASTER, ADMIN_ROLES_OF_REALM, BROKERED_LOGIN)
