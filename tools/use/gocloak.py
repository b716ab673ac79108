"""gocloak: methods of GoCloak, called by a small program that finds them by name."""

import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from tools.use.lines import methods
from tools.use.program import FOLDER, Program, called
from tools.use.trial import Trial

NAME = "gocloak"
_PROGRAM = Program(name="go", prepare=(("go", "build", "-o", "call", "."),), command=("./call",))

METHODS = """
GetUsers $realm {}
GetUserByID $realm $user
GetUserGroups $realm $user {}
GetUserSessions $realm $user
GetUserFederatedIdentities $realm $user
GetUserBruteForceDetectionStatus $realm $user
GetUserProfileConfig $realm
GetCredentials $realm $user
GetConfiguredUserStorageCredentialTypes $realm $user
GetCredentialRegistrators $realm
GetUsersByRoleName $realm reader {}
GetUsersByClientRoleName $realm $client buyer {}
GetRoleMappingByUserID $realm $user
GetRealmRolesByUserID $realm $user
GetCompositeRealmRolesByUserID $realm $user
GetAvailableRealmRolesByUserID $realm $user
GetClientRolesByUserID $realm $client $user
GetCompositeClientRolesByUserID $realm $client $user
GetAvailableClientRolesByUserID $realm $client $user
GetGroups $realm {}
GetGroupsCount $realm {}
GetGroup $realm $group
GetGroupByPath $realm /staff/team
GetChildGroups $realm $group {}
GetGroupMembers $realm $group {}
GetDefaultGroups $realm
GetRoleMappingByGroupID $realm $group
GetRealmRolesByGroupID $realm $group
GetCompositeRealmRolesByGroupID $realm $group
GetAvailableRealmRolesByGroupID $realm $group
GetClientRolesByGroupID $realm $client $group
GetCompositeClientRolesByGroupID $realm $client $group
GetAvailableClientRolesByGroupID $realm $client $group
GetGroupsByRole $realm reader
GetGroupsByClientRole $realm buyer $client
GetRealmRoleGroups reader $realm
GetRealmRoles $realm {}
GetRealmRole $realm reader
GetRealmRoleByID $realm $role-id
GetCompositeRealmRoles $realm reader
GetCompositeRolesByRoleID $realm $role-id
GetCompositeRealmRolesByRoleID $realm $role-id
GetCompositeClientRolesByRoleID $realm $client $role-id
GetClientRoles $realm $client {}
GetClientRole $realm $client buyer
GetClientRoleByID $realm $client-role-id
GetClients $realm {}
GetClient $realm $client
GetClientSecret $realm $client
GetClientServiceAccount $realm $client
GetClientUserSessions $realm $client
GetClientOfflineSessions $realm $client
GetClientsDefaultScopes $realm $client
GetClientsOptionalScopes $realm $client
GetClientScopeMappings $realm $client
GetClientScopeMappingsRealmRoles $realm $client
GetClientScopeMappingsRealmRolesAvailable $realm $client
GetClientScopeMappingsClientRoles $realm $client $client
GetClientScopeMappingsClientRolesAvailable $realm $client $client
GetClientScopes $realm
GetClientScope $realm $scope
GetClientScopeProtocolMappers $realm $scope
GetClientScopeProtocolMapper $realm $scope $scope-mapper
GetClientScopesScopeMappingsRealmRoles $realm $scope
GetClientScopesScopeMappingsRealmRolesAvailable $realm $scope
GetDefaultDefaultClientScopes $realm
GetDefaultOptionalClientScopes $realm
GetResources $realm $client {}
GetResource $realm $client $resource
GetResourceServer $realm $client
GetScopes $realm $client {}
GetScope $realm $client $authz-scope
GetPolicies $realm $client {}
GetPolicy $realm $client $policy
GetPermissions $realm $client {}
GetPermissionScopes $realm $client $permission
GetAuthorizationPolicyAssociatedPolicies $realm $client $permission
GetAuthorizationPolicyResources $realm $client $permission
GetAuthorizationPolicyScopes $realm $client $permission
GetRealm $realm
GetKeyStoreConfig $realm
GetComponents $realm
GetComponent $realm $component
GetAuthenticationFlows $realm
GetAuthenticationFlow $realm $flow
GetAuthenticationExecutions $realm tools-flow
GetAuthenticatorConfig $realm $execution-config
GetAuthenticatorConfigDescription $realm identity-provider-redirector
GetIdentityProviders $realm
GetIdentityProvider $realm partner
GetIdentityProviderMappers $realm partner
GetIdentityProviderMapperByID $realm partner $idp-mapper
GetOrganizations $realm {}
GetOrganizationByID $realm $organization
GetOrganizationMembers $realm $organization {}
GetOrganizationMemberCount $realm $organization
GetOrganizationMemberByID $realm $organization $user
GetOrganizationIdentityProviders $realm $organization
CreateUser $realm {"username":"carl","enabled":true}
UpdateUser $realm {"id":"$user","username":"ann","firstName":"Anna"}
SetPassword $user $realm another-password false
SendVerifyEmail $user $realm {}
CreateUserFederatedIdentity $realm $other-user partner {"identityProvider":"partner","userId":"bob-there","userName":"bob"}
AddRealmRoleToUser $realm $user $other-roles
AddClientRolesToUser $realm $client $user $other-client-roles
AddUserToGroup $realm $other-user $group
CreateGroup $realm {"name":"guests"}
CreateChildGroup $realm $group {"name":"inner"}
UpdateGroup $realm {"id":"$group","name":"staff","attributes":{"floor":["2"]}}
AddDefaultGroup $realm $group
AddRealmRoleToGroup $realm $group $other-roles
AddClientRolesToGroup $realm $client $group $other-client-roles
CreateRealmRole $realm {"name":"auditor"}
UpdateRealmRole $realm reader {"name":"reader","description":"changed"}
UpdateRealmRoleByID $realm $role-id {"name":"reader","description":"again"}
CreateClientRole $realm $client {"name":"auditor"}
UpdateRole $realm $client {"name":"buyer","description":"changed"}
AddRealmRoleComposite $realm reader $other-roles
AddClientRoleComposite $realm $role-id $other-client-roles
CreateClient $realm {"clientId":"kiosk"}
UpdateClient $realm {"id":"$client","clientId":"shop","description":"changed","authorizationServicesEnabled":true}
CreateClientProtocolMapper $realm $client $mapper
RegenerateClientSecret $realm $client
AddDefaultScopeToClient $realm $client $scope
AddOptionalScopeToClient $realm $client $spare-scope
CreateClientScopeMappingsRealmRoles $realm $client $other-roles
CreateClientScopeMappingsClientRoles $realm $client $client $other-client-roles
CreateClientScope $realm {"name":"more-scope","protocol":"openid-connect"}
UpdateClientScope $realm {"id":"$scope","name":"tools-scope","protocol":"openid-connect","description":"changed"}
CreateClientScopeProtocolMapper $realm $scope $mapper
CreateClientScopesScopeMappingsRealmRoles $realm $scope $other-roles
CreateResource $realm $client {"name":"invoice"}
CreateScope $realm $client {"name":"write"}
CreatePolicy $realm $client {"name":"shops","type":"client","clients":["$client"]}
CreatePermission $realm $client {"name":"orders","type":"resource","resources":["$resource"],"policies":["$policy"]}
CreateComponent $realm $key-provider
CreateAuthenticationFlow $realm {"alias":"more-flow","providerId":"basic-flow","topLevel":true,"builtIn":false}
CreateAuthenticationExecution $realm tools-flow {"provider":"auth-cookie"}
CreateAuthenticationExecutionConfig $realm $bare-execution {"alias":"more-config","config":{"defaultProvider":"partner"}}
CreateIdentityProvider $realm {"alias":"more-partner","providerId":"github","config":{"clientId":"a","clientSecret":"b"}}
UpdateIdentityProvider $realm partner {"alias":"partner","providerId":"oidc","displayName":"Partner"}
CreateIdentityProviderMapper $realm partner {"name":"more","identityProviderAlias":"partner","identityProviderMapper":"hardcoded-attribute-idp-mapper","config":{"attribute":"a"}}
CreateOrganization $realm {"name":"umbrella","domains":[{"name":"umbrella.example.com"}]}
AddUserToOrganization $realm $organization $other-user
AddIdentityProviderToOrganization $realm $organization spare-partner
UpdateRealm {"realm":"$realm","displayName":"Changed"}
ClearRealmCache $realm
ClearUserCache $realm
ClearKeysCache $realm
LogoutAllSessions $realm $user
RevokeUserConsents $realm $user shop
DeleteUserFederatedIdentity $realm $user partner
DeleteRealmRoleFromUser $realm $user $other-roles
DeleteClientRolesFromUser $realm $client $user $other-client-roles
DeleteUserFromGroup $realm $user $group
DeleteCredentials $realm $user $credential
DeleteRealmRoleFromGroup $realm $group $other-roles
DeleteClientRoleFromGroup $realm $client $group $other-client-roles
RemoveDefaultGroup $realm $group
DeleteRealmRoleComposite $realm reader $other-roles
DeleteClientRoleComposite $realm $role-id $other-client-roles
DeleteClientProtocolMapper $realm $client $client-mapper
RemoveDefaultScopeFromClient $realm $client $scope
RemoveOptionalScopeFromClient $realm $client $spare-scope
DeleteClientScopeMappingsRealmRoles $realm $client $other-roles
DeleteClientScopeMappingsClientRoles $realm $client $client $other-client-roles
DeleteClientScopesScopeMappingsRealmRoles $realm $scope $other-roles
DeleteClientScopeProtocolMapper $realm $scope $scope-mapper
DeleteClientScope $realm $scope
DeletePermission $realm $client $permission
DeletePolicy $realm $client $policy
DeleteResource $realm $client $resource
DeleteScope $realm $client $authz-scope
DeleteComponent $realm $component
DeleteAuthenticatorConfig $realm $execution-config
DeleteAuthenticationExecution $realm $execution
DeleteAuthenticationFlow $realm $flow
DeleteIdentityProviderMapper $realm partner $idp-mapper
RemoveIdentityProviderFromOrganization $realm $organization partner
RemoveUserFromOrganization $realm $organization $user
DeleteOrganization $realm $organization
DeleteIdentityProvider $realm partner
DeleteGroup $realm $group
DeleteUser $realm $user
DeleteClientRole $realm $client buyer
DeleteRealmRole $realm reader
DeleteClient $realm $client
DeleteRealm $realm
"""
"""What reads, then what adds and changes, then what removes."""

_HIDDEN = {
    "GetKeyStoreConfig": frozenset({"active", "certificate", "kid", "publicKey", "validTo"}),
    "RegenerateClientSecret": frozenset({"value"}),
    "GetUserSessions": frozenset({"id"}),
    "GetClientUserSessions": frozenset({"id"}),
}


_TARGETS = {"GetClientRoleByID": "client-role"}
"""The variant of the table that a call is, because of its target."""


def library_version() -> str:
    """The version in go.mod."""
    (version,) = re.findall(r"gocloak/v14 v(\S+)", (Path(FOLDER) / "go" / "go.mod").read_text(encoding="utf-8"))
    return str(version)


def not_run() -> Mapping[str, str]:
    """Methods that are not tried, with the reason. Others of the library's 300 methods are not in the table."""
    return {
        "CreateRealm": "needs a token of the realm master with the realm role create-realm",
        "ExecuteActionsEmail": "the user of its parameters cannot be given as JSON, which the program here reads",
        "ImportIdentityProviderConfig": "reads a document from another server",
        "GetUsersManagementPermissions": "needs fine-grained permissions, version 1, which are switched off by default",
    }


def trials() -> Iterator[Trial]:
    """All methods of the table, in its order."""
    _PROGRAM.ready()
    for name, arguments in methods(METHODS):
        target = _TARGETS.get(name, "")
        yield Trial(name=name, run=partial(called, _PROGRAM, name, arguments), hidden=_HIDDEN.get(name, frozenset()), target=target)
