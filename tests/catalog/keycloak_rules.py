"""What Keycloak's own tests say about single roles, as data: a third opinion on the measured tables.

The facts are taken from these classes of github.com/keycloak/keycloak, read in three states (before 24, 26.2 to 26.5, 26.6 and later):
PermissionsTest, PermissionsWithRemovalTest, AbstractPermissionsTest, ServerInfoPermissionsTest, IllegalAdminUpgradeTest, ImpersonationTest, RealmRoleAdminTest,
ClientSecretVisibilityTest, AuthenticationManagementUiExtPermissionsTest, OrganizationAdminPermissionsTest, OrganizationAdminRolesPermissionsTest.

Those tests ask whether a call is let in (a missing object counts as let in), mostly with ids that do not exist: they say nothing about reduced
responses. `~` stands for the realm's path, `{}` for any parameter.
"""

from dataclasses import dataclass

Numbers = tuple[int, ...]
EVER: Numbers = (0,)
NEVER: Numbers = (26, 8)
"""26.8 is documented, not measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """A family of operations: the role to view, the role to manage, and two roles of another family that are refused."""

    view: str
    manage: str
    others: tuple[str, str]


CLIENT = Area(view="view-clients", manage="manage-clients", others=("view-users", "manage-users"))
USER = Area(view="view-users", manage="manage-users", others=("view-clients", "manage-clients"))
REALM = Area(view="view-realm", manage="manage-realm", others=("view-events", "manage-events"))
EVENTS = Area(view="view-events", manage="manage-events", others=("view-identity-providers", "manage-identity-providers"))
IDENTITY_PROVIDER = Area(view="view-identity-providers", manage="manage-identity-providers", others=("view-realm", "manage-realm"))
AUTHORIZATION = Area(
    view="view-authorization", manage="manage-authorization", others=("view-identity-providers", "manage-identity-providers")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Operations of one area: those to view it, those that other roles may view as well, and those to manage it."""

    area: Area
    view: str = ""
    view_shared: str = ""
    manage: str = ""
    since: Numbers = EVER
    until: Numbers = NEVER
    """Versions from this one on are no longer meant."""


FAMILIES: tuple[Family, ...] = (
    Family(
        area=CLIENT,
        view="""
            GET ~/clients/{}
            GET ~/clients/{}/installation/providers/{}
            GET ~/clients/{}/client-secret
            GET ~/clients/{}/service-account-user
            GET ~/clients/{}/session-count
            GET ~/clients/{}/user-sessions
            GET ~/clients/{}/offline-session-count
            GET ~/clients/{}/offline-sessions
            GET ~/clients/{}/certificates/{}
            POST ~/clients/{}/certificates/{}/download
            GET ~/clients/{}/scope-mappings
            GET ~/clients/{}/scope-mappings/realm
            GET ~/clients/{}/scope-mappings/realm/composite
            GET ~/clients/{}/scope-mappings/realm/available
            GET ~/clients/{}/roles/{}
            GET ~/clients/{}/roles/{}/composites
            GET ~/clients/{}/roles/{}/composites/realm
            GET ~/clients/{}/roles/{}/composites/clients/{}
            GET ~/client-scopes/{}
            GET ~/client-scopes/{}/scope-mappings
            GET ~/client-scopes/{}/scope-mappings/realm
            GET ~/client-scopes/{}/scope-mappings/realm/composite
            GET ~/client-scopes/{}/scope-mappings/realm/available
            GET ~/client-scopes/{}/scope-mappings/clients/{}
            GET ~/client-scopes/{}/scope-mappings/clients/{}/composite
            GET ~/client-scopes/{}/scope-mappings/clients/{}/available
            GET ~/clients-initial-access
        """,
        view_shared="""
            GET ~/clients
            GET ~/clients/{}/protocol-mappers/models/{}
            GET ~/clients/{}/protocol-mappers/models
            GET ~/clients/{}/protocol-mappers/protocol/{}
            GET ~/clients/{}/roles
            GET ~/client-scopes
            GET ~/client-scopes/{}/protocol-mappers/models
            GET ~/client-scopes/{}/protocol-mappers/models/{}
            GET ~/client-scopes/{}/protocol-mappers/protocol/{}
        """,
        manage="""
            POST ~/client-description-converter
            POST ~/clients
            PUT ~/clients/{}
            DELETE ~/clients/{}
            POST ~/clients/{}/client-secret
            POST ~/clients/{}/registration-access-token
            POST ~/clients/{}/push-revocation
            POST ~/clients/{}/nodes
            DELETE ~/clients/{}/nodes/{}
            GET ~/clients/{}/test-nodes-available
            POST ~/clients/{}/certificates/{}/generate
            POST ~/clients/{}/certificates/{}/generate-and-download
            POST ~/clients/{}/certificates/{}/upload
            POST ~/clients/{}/certificates/{}/upload-certificate
            POST ~/clients/{}/protocol-mappers/add-models
            POST ~/clients/{}/protocol-mappers/models
            PUT ~/clients/{}/protocol-mappers/models/{}
            DELETE ~/clients/{}/protocol-mappers/models/{}
            POST ~/clients/{}/scope-mappings/realm
            DELETE ~/clients/{}/scope-mappings/realm
            POST ~/clients/{}/roles
            PUT ~/clients/{}/roles/{}
            DELETE ~/clients/{}/roles/{}
            POST ~/clients/{}/roles/{}/composites
            DELETE ~/clients/{}/roles/{}/composites
            POST ~/client-scopes
            PUT ~/client-scopes/{}
            DELETE ~/client-scopes/{}
            POST ~/client-scopes/{}/protocol-mappers/add-models
            POST ~/client-scopes/{}/protocol-mappers/models
            PUT ~/client-scopes/{}/protocol-mappers/models/{}
            DELETE ~/client-scopes/{}/protocol-mappers/models/{}
            POST ~/client-scopes/{}/scope-mappings/realm
            DELETE ~/client-scopes/{}/scope-mappings/realm
            POST ~/client-scopes/{}/scope-mappings/clients/{}
            DELETE ~/client-scopes/{}/scope-mappings/clients/{}
            POST ~/clients-initial-access
            DELETE ~/clients-initial-access/{}
        """,
    ),
    Family(
        area=AUTHORIZATION,
        view="""
            GET ~/clients/{}/authz/resource-server
            GET ~/clients/{}/authz/resource-server/resource
            GET ~/clients/{}/authz/resource-server/scope
            GET ~/clients/{}/authz/resource-server/policy
        """,
        manage="""
            PUT ~/clients/{}/authz/resource-server
            POST ~/clients/{}/authz/resource-server/resource
            PUT ~/clients/{}/authz/resource-server/resource/{}
            DELETE ~/clients/{}/authz/resource-server/resource/{}
            POST ~/clients/{}/authz/resource-server/scope
            PUT ~/clients/{}/authz/resource-server/scope/{}
            DELETE ~/clients/{}/authz/resource-server/scope/{}
            POST ~/clients/{}/authz/resource-server/permission/{}
            PUT ~/clients/{}/authz/resource-server/policy/{}
            DELETE ~/clients/{}/authz/resource-server/policy/{}
        """,
    ),
    Family(
        area=REALM,
        view="""
            GET ~/roles/{}
            GET ~/roles/{}/composites
            GET ~/roles/{}/composites/realm
            GET ~/roles/{}/composites/clients/{}
            GET ~/components
            GET ~/components/{}
            GET ~/client-session-stats
            GET ~/default-groups
            GET ~/authentication/form-providers
            GET ~/authentication/authenticator-providers
            GET ~/authentication/form-action-providers
            GET ~/authentication/flows/{}
            GET ~/authentication/flows/{}/executions
            GET ~/authentication/config/{}
            GET ~/authentication/unregistered-required-actions
            GET ~/authentication/required-actions/{}
            GET ~/authentication/config-description/{}
        """,
        view_shared="""
            GET ~
            GET ~/roles
            GET ~/roles-by-id/{}
            GET ~/roles-by-id/{}/composites
            GET ~/roles-by-id/{}/composites/realm
            GET ~/roles-by-id/{}/composites/clients/{}
            GET ~/authentication/flows
            GET ~/authentication/client-authenticator-providers
            GET ~/authentication/required-actions
            GET ~/authentication/per-client-config-description
        """,
        manage="""
            PUT ~
            POST ~/push-revocation
            PUT ~/default-groups/{}
            DELETE ~/default-groups/{}
            POST ~/testLDAPConnection
            POST ~/partialImport
            POST ~/clear-realm-cache
            POST ~/clear-user-cache
            POST ~/roles
            PUT ~/roles/{}
            DELETE ~/roles/{}
            POST ~/roles/{}/composites
            DELETE ~/roles/{}/composites
            PUT ~/roles-by-id/{}
            DELETE ~/roles-by-id/{}
            POST ~/roles-by-id/{}/composites
            DELETE ~/roles-by-id/{}/composites
            POST ~/components
            PUT ~/components/{}
            DELETE ~/components/{}
            POST ~/authentication/flows
            DELETE ~/authentication/flows/{}
            POST ~/authentication/flows/{}/copy
            POST ~/authentication/flows/{}/executions/flow
            POST ~/authentication/flows/{}/executions/execution
            PUT ~/authentication/flows/{}/executions
            POST ~/authentication/executions
            POST ~/authentication/executions/{}/raise-priority
            POST ~/authentication/executions/{}/lower-priority
            DELETE ~/authentication/executions/{}
            POST ~/authentication/executions/{}/config
            POST ~/authentication/register-required-action
            PUT ~/authentication/required-actions/{}
            DELETE ~/authentication/required-actions/{}
            PUT ~/authentication/config/{}
            DELETE ~/authentication/config/{}
        """,
    ),
    Family(
        area=REALM,
        since=(26, 2),
        view="""
            GET ~/client-registration-policy/providers
            GET ~/authentication/executions/{}
        """,
    ),
    Family(
        area=USER,
        view="""
            GET ~/groups
            GET ~/groups/{}
            GET ~/groups/{}/members
            GET ~/groups/{}/role-mappings
            GET ~/groups/{}/role-mappings/realm
            GET ~/groups/{}/role-mappings/realm/composite
            GET ~/groups/{}/role-mappings/realm/available
            GET ~/groups/{}/role-mappings/clients/{}
            GET ~/groups/{}/role-mappings/clients/{}/composite
            GET ~/groups/{}/role-mappings/clients/{}/available
            GET ~/group-by-path/{}
            GET ~/users
            GET ~/users/count
            GET ~/users/{}
            GET ~/users/{}/sessions
            GET ~/users/{}/offline-sessions/{}
            GET ~/users/{}/federated-identity
            GET ~/users/{}/consents
            GET ~/users/{}/groups
            GET ~/users/{}/role-mappings
            GET ~/users/{}/role-mappings/realm
            GET ~/users/{}/role-mappings/realm/composite
            GET ~/users/{}/role-mappings/realm/available
            GET ~/users/{}/role-mappings/clients/{}
            GET ~/users/{}/role-mappings/clients/{}/composite
            GET ~/users/{}/role-mappings/clients/{}/available
            GET ~/attack-detection/brute-force/users/{}
        """,
        manage="""
            POST ~/groups
            PUT ~/groups/{}
            DELETE ~/groups/{}
            POST ~/groups/{}/children
            POST ~/groups/{}/role-mappings/realm
            DELETE ~/groups/{}/role-mappings/realm
            POST ~/groups/{}/role-mappings/clients/{}
            DELETE ~/groups/{}/role-mappings/clients/{}
            POST ~/users
            PUT ~/users/{}
            DELETE ~/users/{}
            POST ~/users/{}/federated-identity/{}
            DELETE ~/users/{}/federated-identity/{}
            DELETE ~/users/{}/consents/{}
            POST ~/users/{}/logout
            PUT ~/users/{}/reset-password
            DELETE ~/users/{}/credentials/{}
            PUT ~/users/{}/execute-actions-email
            PUT ~/users/{}/send-verify-email
            PUT ~/users/{}/groups/{}
            DELETE ~/users/{}/groups/{}
            POST ~/users/{}/role-mappings/realm
            DELETE ~/users/{}/role-mappings/realm
            POST ~/users/{}/role-mappings/clients/{}
            DELETE ~/users/{}/role-mappings/clients/{}
            DELETE ~/attack-detection/brute-force/users/{}
            DELETE ~/attack-detection/brute-force/users
            DELETE ~/sessions/{}
        """,
    ),
    Family(
        area=USER,
        since=(26, 2),
        view="""
            GET ~/groups/count
            GET ~/users/{}/unmanagedAttributes
        """,
    ),
    Family(area=USER, until=(26,), manage="PUT ~/users/{}/reset-password-email"),
    Family(
        area=EVENTS,
        view="""
            GET ~/events/config
            GET ~/events
            GET ~/admin-events
        """,
        manage="""
            PUT ~/events/config
            DELETE ~/events
            DELETE ~/admin-events
        """,
    ),
    Family(
        area=IDENTITY_PROVIDER,
        view="""
            GET ~/identity-provider/instances
            GET ~/identity-provider/instances/{}
            GET ~/identity-provider/instances/{}/export
            GET ~/identity-provider/instances/{}/mappers
            GET ~/identity-provider/instances/{}/mappers/{}
            GET ~/identity-provider/instances/{}/mapper-types
        """,
        manage="""
            POST ~/identity-provider/instances
            PUT ~/identity-provider/instances/{}
            DELETE ~/identity-provider/instances/{}
            POST ~/identity-provider/instances/{}/mappers
            DELETE ~/identity-provider/instances/{}/mappers/{}
            POST ~/identity-provider/import-config
        """,
    ),
)

ROLES = (
    "create-client", "impersonation", "manage-authorization", "manage-clients", "manage-events", "manage-identity-providers", "manage-realm",
    "manage-users", "query-clients", "query-groups", "query-realms", "query-users", "view-authorization", "view-clients", "view-events",
    "view-identity-providers", "view-realm", "view-users",
)  # fmt: skip
"""What Keycloak calls all roles of a realm (before organizations had roles of their own)."""
QUERY_ROLES = ("query-clients", "query-groups", "query-realms", "query-users")
PROFILE_ROLES = ("manage-realm", "manage-users", "query-users", "view-realm", "view-users")
MULTI = "manage-realm+query-groups+view-clients"
ORGANIZATIONS = "manage-identity-providers+manage-realm+manage-users"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Sets of roles (joined by `+`, `-` for none) that operations let in, and those that they refuse."""

    operations: tuple[str, ...]
    lets_in: tuple[str, ...] = ()
    refuses: tuple[str, ...] = ()
    variant: str = ""
    since: Numbers = EVER
    until: Numbers = NEVER


SINGLE: tuple[Rule, ...] = (
    Rule(operations=("GET /admin/realms",), refuses=("-",), lets_in=("realm-admin", "view-users", "view-realm")),
    Rule(operations=("POST /admin/realms",), refuses=("realm-admin",)),
    Rule(operations=("GET ~",), lets_in=QUERY_ROLES),
    Rule(operations=("DELETE ~",), lets_in=("realm-admin",), refuses=("manage-users",)),
    Rule(operations=("POST ~/logout-all",), lets_in=("manage-users",), refuses=("-", "view-users", "manage-realm")),
    Rule(operations=("GET ~/authentication/flows",), lets_in=("query-clients",)),
    Rule(operations=("GET ~/authentication/client-authenticator-providers",), lets_in=("query-clients", "view-clients", "manage-clients"), refuses=("query-users",)),
    Rule(operations=("GET ~/authentication/per-client-config-description",), lets_in=("query-clients",)),
    Rule(operations=("GET ~/authentication/required-actions",), lets_in=("query-users",)),
    Rule(operations=("GET ~/clients",), lets_in=("query-clients",)),
    Rule(operations=("GET ~/clients",), lets_in=("query-users",), until=(26, 2)),
    Rule(operations=("POST ~/clients", "GET ~/clients/{}", "PUT ~/clients/{}", "DELETE ~/clients/{}", "GET ~/client-scopes"), refuses=("query-users",)),
    Rule(operations=("GET ~/users", "POST ~/users", "GET ~/users/{}", "PUT ~/users/{}", "DELETE ~/users/{}"), refuses=("query-clients",)),
    Rule(operations=("GET ~/users/{}/configured-user-storage-credential-types",), lets_in=("view-users",)),
    Rule(operations=("GET ~/roles", "GET ~/groups"), refuses=("create-client",)),
    Rule(operations=("GET ~/roles", "GET ~/clients/{}/roles"), refuses=QUERY_ROLES, since=(26, 6)),
    Rule(operations=("GET ~/users/profile", "GET ~/users/profile/metadata"), lets_in=PROFILE_ROLES, refuses=tuple(sorted(set(ROLES) - set(PROFILE_ROLES))), since=(26, 6)),
    Rule(operations=("POST ~/partial-export",), lets_in=("view-realm",), refuses=("-",), until=(26,)),
    Rule(operations=("POST ~/partial-export",), variant="exportclients-true", refuses=("view-realm",), until=(26,)),
    Rule(operations=("POST ~/partial-export",), variant="exportgroupsandroles-true", refuses=("view-realm",), until=(26,)),
    Rule(operations=("POST ~/partial-export",), lets_in=("manage-realm",), refuses=("-", "view-realm"), since=(26, 2)),
    Rule(operations=("POST ~/partial-export",), variant="exportclients-true", refuses=("manage-realm",), since=(26, 2)),
    Rule(operations=("POST ~/partial-export",), variant="exportgroupsandroles-true", refuses=("manage-realm",), since=(26, 2)),
    Rule(operations=("POST ~/partial-export",), variant="exportclients-exportgroupsandroles-true", lets_in=(MULTI,), since=(26, 2)),
    Rule(operations=("GET ~/localization", "GET ~/localization/{}", "GET ~/localization/{}/{}"), lets_in=("view-realm", "manage-realm", MULTI), refuses=("-",)),
    Rule(operations=("POST ~/localization/{}", "DELETE ~/localization/{}", "DELETE ~/localization/{}/{}"), lets_in=("manage-realm",), refuses=("-", "view-realm")),
    Rule(operations=("GET /admin/serverinfo",), lets_in=("view-realm", "manage-users"), refuses=("-",), since=(26,)),
    Rule(operations=("GET /admin/serverinfo",), lets_in=("manage-realm",), since=(26, 5)),
    Rule(operations=("GET ~/ui-ext/authentication-management/flows", "GET ~/ui-ext/authentication-management/{}/{}"), lets_in=("view-realm",)),
    Rule(operations=("POST ~/users/{}/impersonation",), lets_in=("impersonation+view-users", "realm-admin"), refuses=("manage-users",)),
    Rule(
        operations=tuple(f"{method} ~/clients/{{}}/authz/resource-server{leaf}" for method, leaf in (("GET", ""), ("GET", "/resource"), ("GET", "/policy"), ("GET", "/permission/{}"), ("GET", "/permission/{}/search"), ("POST", "/policy"))),
        lets_in=("manage-authorization+view-clients",),
    ),
    # organizations
    Rule(operations=("POST ~/organizations", "GET ~/organizations", "GET ~/organizations/{}", "POST ~/organizations/{}/identity-providers", "GET ~/organizations/{}/identity-providers/{}", "POST ~/organizations/{}/members", "GET ~/organizations/{}/members", "GET ~/organizations/{}/members/{}"), lets_in=(ORGANIZATIONS,), refuses=("-",), since=(25,)),
    Rule(operations=("PUT ~/organizations/{}", "DELETE ~/organizations/{}", "DELETE ~/organizations/{}/identity-providers/{}", "DELETE ~/organizations/{}/members/{}"), refuses=("-",), since=(25,)),
    Rule(operations=("POST ~/organizations", "PUT ~/organizations/{}", "DELETE ~/organizations/{}", "GET ~/organizations", "GET ~/organizations/{}"), lets_in=("manage-organizations",), since=(26, 7)),
    Rule(operations=("GET ~/organizations", "GET ~/organizations/{}"), lets_in=("view-organizations",), since=(26, 7)),
    Rule(operations=("POST ~/organizations", "PUT ~/organizations/{}", "DELETE ~/organizations/{}", "GET ~/organizations/{}/members"), refuses=("view-organizations",), since=(26, 7)),
    Rule(operations=("GET ~/organizations", "GET ~/organizations/count"), lets_in=("query-organizations",), since=(26, 7)),
    Rule(operations=("GET ~/organizations/{}", "POST ~/organizations", "PUT ~/organizations/{}", "DELETE ~/organizations/{}"), refuses=("query-organizations",), since=(26, 7)),
    Rule(operations=("GET ~/organizations/members/{}/organizations",), lets_in=("query-organizations", "view-organizations+view-users"), refuses=("view-organizations",), since=(26, 7)),
    Rule(operations=("GET ~/organizations/{}/members", "GET ~/organizations/{}/members/{}", "GET ~/organizations/{}/members/count", "GET ~/organizations/{}/members/{}/organizations"), lets_in=("view-organizations+view-users",), since=(26, 7)),
    Rule(operations=("POST ~/organizations/{}/members", "DELETE ~/organizations/{}/members/{}"), lets_in=("manage-organizations+manage-users",), refuses=("view-organizations+view-users",), since=(26, 7)),
    Rule(operations=("POST ~/organizations/{}/members",), refuses=("manage-organizations",), since=(26, 7)),
    Rule(operations=("POST ~/organizations/{}/identity-providers",), lets_in=("manage-identity-providers+manage-organizations",), refuses=("manage-organizations",), since=(26, 7)),
    Rule(operations=("DELETE ~/organizations/{}/identity-providers/{}",), lets_in=("manage-identity-providers+manage-organizations",), refuses=("manage-identity-providers+view-organizations",), since=(26, 7)),
    Rule(operations=("POST ~/organizations/{}/members/invite-user", "POST ~/organizations/{}/members/invite-existing-user", "DELETE ~/organizations/{}/invitations/{}", "POST ~/organizations/{}/invitations/{}/resend", "DELETE ~/organizations/{}/members/{}"), refuses=("manage-users+view-organizations",), since=(26, 7)),
    Rule(operations=("POST ~/organizations/{}/members/invite-user", "DELETE ~/organizations/{}/invitations/{}"), lets_in=("manage-organizations+manage-users",), since=(26, 7)),
)  # fmt: skip

MAPPED_BY_MANAGE_USERS = ("manage-users", "query-clients", "query-groups", "query-users", "view-users")
NOT_MAPPED_BY_MANAGE_USERS = (
    "impersonation", "manage-authorization", "manage-clients", "manage-events", "manage-identity-providers", "manage-realm", "realm-admin",
    "view-authorization", "view-clients", "view-events", "view-identity-providers", "view-realm",
)  # fmt: skip
"""Which roles of realm-management a holder of manage-users may give to a user (26.4 differs: there only realm-admin gives any of them)."""
