"""Fixtures of the shared scope that make reduced responses visible."""

from collections.abc import Callable

from tools.measure.stage import Version

Needed = Callable[[Version, frozenset[str]], bool]


def _always(_version: Version, _features: frozenset[str]) -> bool:
    return True


def _organizations(version: Version, features: frozenset[str]) -> bool:
    return has_organizations(version, features)


def has_organizations(version: Version, features: frozenset[str]) -> bool:
    """Whether a realm of this server can have organizations."""
    return version.since(26) or "organization:v1" in features


def _organization_groups(version: Version, _features: frozenset[str]) -> bool:
    return version.since(26, 6)


def _roles_of_organization_groups(version: Version, _features: frozenset[str]) -> bool:
    return version.since(26, 7)


def _invitations(version: Version, _features: frozenset[str]) -> bool:
    return version.since(26, 5)


RICH: dict[str, Needed] = {
    **dict.fromkeys(
        (
            "unmanaged", "unregistered-action", "spare-client-role", "user", "otp-user", "administrator", "group", "child", "administrators", "role", "role+composites", "client-role+composites", "default-group", "child+roles", "client-policy", "client-of-client-roles", "scope-of-client-roles", "group-of-client-roles",
            "idp", "idp.mapper", "saml-idp", "user+roles", "group+roles", "user+group", "user+identity", "user+session", "user+offline",
            "client.mapper", "client+scope-mappings", "client+default-scope", "client-scope.mapper", "client-scope+scope-mappings", "saml-client",
            "initial-access", "az-client", "az-scope-permission", "az-permission", "execution-config", "key-component", "ldap", "ldap-mapper", "locale", "client-of-flow",
        ),
        _always,
    ),
    **dict.fromkeys(("organization", "member", "organization.idp"), _organizations),
    **dict.fromkeys(("invitation",), _invitations),
    **dict.fromkeys(("organization.group", "organization.child", "organization.group+member"), _organization_groups),
    "organization.group+roles": _roles_of_organization_groups,
}  # fmt: skip
