"""Keycloak's JavaScript admin client: methods of its resources, called by a small program."""

import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from tools.use.lines import methods
from tools.use.program import FOLDER, Program, called
from tools.use.trial import Trial

NAME = "javascript"
_PACKAGE = "@keycloak/keycloak-admin-client"
_PROGRAM = Program(name="javascript", prepare=(("npm", "install", "--no-audit", "--no-fund", "--silent"),), command=("node", "call.mjs"))

METHODS = """
users.find {}
users.count {}
users.findOne {"id":"$user"}
users.getProfile {}
users.listGroups {"id":"$user"}
users.listSessions {"id":"$user"}
users.listConsents {"id":"$user"}
users.listFederatedIdentities {"id":"$user"}
users.listRoleMappings {"id":"$user"}
users.listRealmRoleMappings {"id":"$user"}
users.listAvailableRealmRoleMappings {"id":"$user"}
users.listCompositeRealmRoleMappings {"id":"$user"}
users.listClientRoleMappings {"id":"$user","clientUniqueId":"$client"}
users.listAvailableClientRoleMappings {"id":"$user","clientUniqueId":"$client"}
users.listCompositeClientRoleMappings {"id":"$user","clientUniqueId":"$client"}
users.getCredentials {"id":"$user"}
groups.find {}
groups.count {}
groups.findOne {"id":"$group"}
groups.listSubGroups {"parentId":"$group"}
groups.listMembers {"id":"$group"}
groups.listRoleMappings {"id":"$group"}
groups.listRealmRoleMappings {"id":"$group"}
groups.listClientRoleMappings {"id":"$group","clientUniqueId":"$client"}
roles.find {}
roles.findOneByName {"name":"reader"}
roles.findOneById {"id":"$role-id"}
roles.findUsersWithRole {"name":"reader"}
roles.getCompositeRoles {"id":"$role-id"}
clients.find {}
clients.findOne {"id":"$client"}
clients.listRoles {"id":"$client"}
clients.findRole {"id":"$client","roleName":"buyer"}
clients.findUsersWithRole {"id":"$client","roleName":"buyer"}
clients.getClientSecret {"id":"$client"}
clients.getServiceAccountUser {"id":"$client"}
clients.listDefaultClientScopes {"id":"$client"}
clients.listOptionalClientScopes {"id":"$client"}
clients.listProtocolMappers {"id":"$client"}
clients.listSessions {"id":"$client"}
clients.listScopeMappings {"id":"$client"}
clients.getResourceServer {"id":"$client"}
clients.listResources {"id":"$client"}
clients.listPolicies {"id":"$client"}
clients.findPermissions {"id":"$client"}
clients.listAllScopes {"id":"$client"}
clients.getInstallationProviders {"id":"$client","providerId":"keycloak-oidc-keycloak-json"}
clientScopes.find {}
clientScopes.findOne {"id":"$scope"}
clientScopes.listProtocolMappers {"id":"$scope"}
clientScopes.listDefaultClientScopes
clientScopes.listDefaultOptionalClientScopes
identityProviders.find {}
identityProviders.findOne {"alias":"partner"}
identityProviders.findMappers {"alias":"partner"}
components.find {}
components.findOne {"id":"$component"}
authenticationManagement.getFlows
authenticationManagement.getFlow {"flowId":"$flow"}
authenticationManagement.getExecutions {"flow":"tools-flow"}
authenticationManagement.getRequiredActions
authenticationManagement.getConfig {"id":"$execution-config"}
organizations.find {}
organizations.findOne {"id":"$organization"}
organizations.listMembers {"orgId":"$organization"}
realms.find {}
realms.findOne {"realm":"$realm"}
realms.getConfigEvents {"realm":"$realm"}
realms.findEvents {"realm":"$realm","type":"LOGIN"}
realms.getKeys {"realm":"$realm"}
realms.getDefaultGroups {"realm":"$realm"}
realms.getClientSessionStats {"realm":"$realm"}
serverInfo.find
attackDetection.findOne {"id":"$user"}
users.create {"username":"carl","enabled":true}
users.update {"id":"$user"} {"username":"ann","firstName":"Anna"}
users.resetPassword {"id":"$user","credential":{"type":"password","value":"another-password","temporary":false}}
users.executeActionsEmail {"id":"$user","actions":["UPDATE_PASSWORD"]}
users.sendVerifyEmail {"id":"$user"}
users.addToGroup {"id":"$other-user","groupId":"$group"}
users.addRealmRoleMappings {"id":"$user","roles":"$other-roles"}
users.addClientRoleMappings {"id":"$user","clientUniqueId":"$client","roles":"$other-client-roles"}
users.addToFederatedIdentity {"id":"$other-user","federatedIdentityId":"partner","federatedIdentity":{"identityProvider":"partner","userId":"bob-there","userName":"bob"}}
groups.create {"name":"guests"}
groups.createChildGroup {"id":"$group"} {"name":"inner"}
groups.update {"id":"$group"} {"name":"staff","attributes":{"floor":["2"]}}
groups.addRealmRoleMappings {"id":"$group","roles":"$other-roles"}
groups.addClientRoleMappings {"id":"$group","clientUniqueId":"$client","roles":"$other-client-roles"}
roles.create {"name":"auditor"}
roles.updateByName {"name":"reader"} {"name":"reader","description":"changed"}
roles.updateById {"id":"$role-id"} {"name":"reader","description":"again"}
roles.createComposite {"roleId":"$role-id"} "$other-roles"
clients.create {"clientId":"kiosk"}
clients.update {"id":"$client"} {"clientId":"shop","description":"changed","authorizationServicesEnabled":true}
clients.createRole {"id":"$client","name":"auditor"}
clients.updateRole {"id":"$client","roleName":"buyer"} {"name":"buyer","description":"changed"}
clients.generateNewClientSecret {"id":"$client"}
clients.addDefaultClientScope {"id":"$client","clientScopeId":"$scope"}
clients.addOptionalClientScope {"id":"$client","clientScopeId":"$spare-scope"}
clients.addProtocolMapper {"id":"$client"} "$mapper"
clients.addRealmScopeMappings {"id":"$client"} "$other-roles"
clients.createResource {"id":"$client"} {"name":"invoice"}
clients.createAuthorizationScope {"id":"$client"} {"name":"write"}
clientScopes.create {"name":"more-scope","protocol":"openid-connect"}
clientScopes.update {"id":"$scope"} {"name":"tools-scope","protocol":"openid-connect","description":"changed"}
clientScopes.addProtocolMapper {"id":"$scope"} "$mapper"
identityProviders.create {"alias":"more-partner","providerId":"github","config":{"clientId":"a","clientSecret":"b"}}
identityProviders.update {"alias":"partner"} {"alias":"partner","providerId":"oidc","displayName":"Partner"}
components.create "$key-provider"
authenticationManagement.createFlow {"alias":"more-flow","providerId":"basic-flow","topLevel":true,"builtIn":false}
authenticationManagement.addExecutionToFlow {"flow":"tools-flow","provider":"auth-cookie"}
organizations.create {"name":"umbrella","domains":[{"name":"umbrella.example.com"}]}
organizations.addMember {"orgId":"$organization","userId":"$other-user"}
organizations.linkIdp {"orgId":"$organization","alias":"spare-partner"}
realms.update {"realm":"$realm"} {"displayName":"Changed"}
realms.updateConfigEvents {"realm":"$realm"} {"eventsEnabled":true,"eventsExpiration":3600}
realms.clearEvents {"realm":"$realm"}
realms.clearAdminEvents {"realm":"$realm"}
cache.clearUserCache {"realm":"$realm"}
cache.clearKeysCache {"realm":"$realm"}
users.logout {"id":"$user"}
users.revokeConsent {"id":"$user","clientId":"shop"}
users.delFromFederatedIdentity {"id":"$user","federatedIdentityId":"partner"}
users.delRealmRoleMappings {"id":"$user","roles":"$other-roles"}
users.delClientRoleMappings {"id":"$user","clientUniqueId":"$client","roles":"$other-client-roles"}
users.delFromGroup {"id":"$user","groupId":"$group"}
users.deleteCredential {"id":"$user","credentialId":"$credential"}
groups.delRealmRoleMappings {"id":"$group","roles":"$other-roles"}
groups.delClientRoleMappings {"id":"$group","clientUniqueId":"$client","roles":"$other-client-roles"}
roles.delCompositeRoles {"id":"$role-id"} "$other-roles"
clients.delProtocolMapper {"id":"$client","mapperId":"$client-mapper"}
clients.delDefaultClientScope {"id":"$client","clientScopeId":"$scope"}
clients.delRealmScopeMappings {"id":"$client"} "$other-roles"
clients.delRole {"id":"$client","roleName":"seller"}
clientScopes.delProtocolMapper {"id":"$scope","mapperId":"$scope-mapper"}
clientScopes.del {"id":"$scope"}
components.del {"id":"$component"}
authenticationManagement.delExecution {"id":"$execution"}
authenticationManagement.deleteFlow {"flowId":"$flow"}
organizations.unLinkIdp {"orgId":"$organization","alias":"partner"}
organizations.delMember {"orgId":"$organization","userId":"$user"}
organizations.delById {"id":"$organization"}
identityProviders.del {"alias":"partner"}
groups.del {"id":"$group"}
users.del {"id":"$user"}
roles.delById {"id":"$other-role-id"}
roles.delByName {"name":"reader"}
clients.del {"id":"$client"}
realms.del {"realm":"$realm"}
"""
"""What reads, then what adds and changes, then what removes."""

_HIDDEN = {
    "realms.getKeys": frozenset({"active", "certificate", "kid", "publicKey", "validTo"}),
    "realms.findEvents": frozenset({"scope", "sessionId"}),
    "clients.generateNewClientSecret": frozenset({"value"}),
    "clients.listSessions": frozenset({"id"}),
    "serverInfo.find": frozenset({"cpuInfo", "memoryInfo", "systemInfo"}),
    "users.listSessions": frozenset({"id"}),
}


def library_version() -> str:
    """The version in package.json."""
    package = json.loads((Path(FOLDER) / "javascript" / "package.json").read_text(encoding="utf-8"))
    return str(package["dependencies"][_PACKAGE])


def not_run() -> Mapping[str, str]:
    """Methods that are not tried, with the reason. Others of the library are not in the table."""
    return {
        "realms.create": "needs a token of the realm master with the realm role create-realm",
        "whoAmI.find": "needs a token of the Admin console's own client",
    }


def trials() -> Iterator[Trial]:
    """All methods of the table, in its order."""
    _PROGRAM.ready()
    for name, arguments in methods(METHODS):
        yield Trial(name=name, run=partial(called, _PROGRAM, name, arguments), hidden=_HIDDEN.get(name, frozenset()))
