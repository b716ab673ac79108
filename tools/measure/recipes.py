"""Values for the parameters of paths, and where the effect of a change is visible."""

# Tables read best with one case a line.
# fmt: off
RULES: dict[str, str] = {
    r"^/admin/realms/\{realm\}$|^~$|^/admin/\{realm\}$|/admin/api/\{realmName\}$|/admin/api/\{realm\}$|/admin/api/v2/realms/\{name\}$": "{realm}",
    r"/admin/api/.*clients/\{version\}$": "v2",
    r"/admin/api/.*clients/(v2/|\{version\}/)?\{id\}$": "{client.name}",
    r"console/\{indexhtml\}$": "index.html",
    r"/admin/index\.\{html\}$": "html",
    r"client-(scopes|templates)/\{[^}]+\}$": "{client-scope}",
    r"client-(scopes|templates)/\{[^}]+\}/protocol-mappers/models/\{id\}$": "{client-scope.mapper}",
    r"protocol-mappers/models/\{id\}$": "{client.mapper}",
    r"protocol/\{protocol\}$": "openid-connect",
    r"scope-mappings/clients/\{[^}]+\}$": "{other-client}",
    r"role-mappings/clients/\{[^}]+\}$": "{client}",
    r"~/clients/\{[^}]+\}/roles/\{role-name\}$": "{client-role.name}",
    r"~/clients/[^/]+/roles/[^/]+/composites/clients/\{[^}]+\}$": "{other-client}",
    r"composites/clients/\{[^}]+\}$": "{client}",
    r"default-client-scopes/\{[^}]+\}$|optional-client-scopes/\{[^}]+\}$": "{client-scope}",
    r"authz/resource-server/resource/\{[^}]+\}$": "{az-resource}",
    r"authz/resource-server/scope/\{[^}]+\}$": "{az-scope}",
    r"authz/resource-server/policy/\{type\}$": "user",
    r"authz/resource-server/policy/\{type\}/\{type\}$": "{az-policy}",
    r"authz/resource-server/permission/\{type\}$": "resource",
    r"authz/resource-server/permission/\{type\}/\{type\}$": "{az-permission}",
    r"certificates/\{attr\}$": "jwt.credential",
    r"evaluate-scopes/scope-mappings/\{[^}]+\}$": "{other-client}",
    r"installation/providers/\{[^}]+\}$": "keycloak-oidc-keycloak-json",
    r"nodes/\{node\}$": "127.0.0.1",
    r"clients-initial-access/\{id\}$": "{initial-access}",
    r"^~/clients/\{[^}]+\}$": "{client}",
    r"/ui-ext/.*/clients/\{id\}$": "{client}",
    r"/ui-ext/.*/users/\{id\}$|/ui-ext/users/\{id\}$": "{user}",
    r"/ui-ext/.*/groups/\{id\}$": "{group}",
    r"/ui-ext/.*/roles/\{id\}$": "{role}",
    r"/ui-ext/.*/clientScopes/\{id\}$": "{client-scope}",
    r"authentication-management/\{type\}$": "clients",
    r"authentication-management/\{type\}/\{id\}$": "{flow}",
    r"credentials/\{credentialId\}$": "{otp-user.otp}",
    r"moveAfter/\{[^}]+\}$": "{otp-user.password}",
    r"federated-identity/\{provider\}$": "{idp.alias}",
    r"consents/\{client\}$": "{client.name}",
    r"offline-sessions/\{[^}]+\}$": "{client}",
    r"vc/credentials/\{[^}]+\}$": "{vc-scope.name}",
    r"issued-credentials/\{id\}$": "unknown-id",
    r"organizations/\{(org-id|id)\}$": "{organization}",
    r"organizations/\{[^}]+\}/groups/\{[^}]+\}$": "{organization.group}",
    r"organizations/[^/]+/groups/[^/]+/members/\{[^}]+\}$": "{member}",
    r"organizations/[^/]+/groups/group-by-path/\{path\}$": "org-group-{n}",
    r"organizations/.*/role-mappings/clients/\{[^}]+\}$": "{client}",
    r"organizations/.*identity-providers/\{alias\}$": "{organization.idp}",
    r"organizations/.*invitations/\{id\}$": "{invitation}",
    r"organizations/.*members/\{[^}]+\}$": "{member}",
    r"default-groups/\{groupId\}$|/groups/\{[^}]+\}$": "{group}",
    r"group-by-path/\{path\}$": "group-{n}",
    r"^~/roles/\{role-name\}$": "{role.name}",
    r"roles-by-id/\{role-id\}$": "{role}",
    r"^~/users/\{[^}]+\}$|brute-force/users/\{[^}]+\}$": "{user}",
    r"/flows/\{flowAlias\}$": "{flow.alias}",
    r"/flows/\{id\}$": "{flow}",
    r"executions/\{executionId\}$": "{execution}",
    r"executions/\{[^}]+\}/config/\{id\}$|authentication/config/\{id\}$": "{execution-config}",
    r"config-description/\{providerId\}$": "idp-create-user-if-unique",
    r"required-actions/\{alias\}$": "{required-action}",
    r"components/\{id\}$": "{key-component}",
    r"identity-provider/instances/\{alias\}$": "{idp.alias}",
    r"instances/\{[^}]+\}/mappers/\{id\}$": "{idp.mapper}",
    r"identity-provider/providers/\{[^}]+\}$": "oidc",
    r"user-storage/\{(id|parentId)\}$": "{ldap}",
    r"user-storage/\{[^}]+\}/mappers/\{id\}$": "{ldap-mapper}",
    r"localization/\{locale\}$": "{locale}",
    r"localization/\{[^}]+\}/\{key\}$": "key-{n}",
    r"sessions/\{session\}$": "{session}",
    r"workflows/\{id\}$": "{workflow}",
    r"workflows/scheduled/\{[^}]+\}$": "{user}",
    r"workflows/\{[^}]+\}/(activate|deactivate|bind)/\{type\}$": "USERS",
    r"workflows/\{[^}]+\}/(activate|deactivate|bind)/\{type\}/\{resourceId\}$": "{user}",
    r"workflows/\{[^}]+\}/steps/\{stepId\}$": "{workflow.step}",
    r"ssf/clients/\{clientId\}$": "{ssf-client.name}",
    r"pending-events/\{jti\}$": "unknown-jti",
}

USER = ("~/users/{user}", "~/users/{user}/groups", "~/users/{user}/role-mappings", "~/users/{user}/credentials", "~/users/{user}/federated-identity", "~/users/{user}/sessions", "~/users/{user}/consents")
GROUP = ("~/groups/{group}", "~/groups/{group}/children", "~/groups/{group}/members", "~/groups/{group}/role-mappings")
ROLE = ("~/roles-by-id/{role}", "~/roles-by-id/{role}/composites")
CLIENT_ROLE = ("~/roles-by-id/{client-role}", "~/roles-by-id/{client-role}/composites")
CLIENT = ("~/clients/{client}", "~/clients/{client}/default-client-scopes", "~/clients/{client}/optional-client-scopes", "~/clients/{client}/scope-mappings", "~/clients/{client}/roles")
CLIENT_SCOPE = ("~/client-scopes/{client-scope}", "~/client-scopes/{client-scope}/scope-mappings")
AUTHZ = ("~/clients/{az-client}/authz/resource-server/settings",)
FLOW = ("~/authentication/flows/{flow}", "~/authentication/flows/{flow.alias}/executions")
IDP = ("~/identity-provider/instances/{idp.alias}", "~/identity-provider/instances/{idp.alias}/mappers")
COMPONENT = ("~/components/{key-component}",)
ORGANIZATION = ("~/organizations/{organization}", "~/organizations/{organization}/members", "~/organizations/{organization}/identity-providers")
ORGANIZATION_GROUP = ("~/organizations/{organization}/groups/{organization.group}", "~/organizations/{organization}/groups/{organization.group}/children", "~/organizations/{organization}/groups/{organization.group}/members", "~/organizations/{organization}/groups/{organization.group}/role-mappings")
WORKFLOW = ("~/workflows/{workflow}",)

VIEWS: dict[str, tuple[str, ...]] = {
    r"^~/users/\{": USER,
    r"^~/ui-ext/role-mapping-delete/users": USER,
    r"^~/ui-ext/role-mapping-delete/groups|^~/groups/\{": GROUP,
    r"^~/ui-ext/role-mapping-delete/roles|^~/roles/\{|^~/roles-by-id/\{": ROLE,
    r"^~/ui-ext/role-mapping-delete/clients/|^~/clients/\{[^}]+\}$": CLIENT,
    r"^~/ui-ext/role-mapping-delete/clientScopes|^~/client-(scopes|templates)/\{": CLIENT_SCOPE,
    r"^~/clients/\{[^}]+\}/authz": AUTHZ,
    r"^~/clients/\{[^}]+\}/roles/\{": CLIENT_ROLE,
    r"^~/clients/\{": CLIENT,
    r"^~/authentication/(flows/\{|executions|config)": FLOW,
    r"^~/identity-provider/instances/\{": IDP,
    r"^~/components/\{": COMPONENT,
    r"^~/organizations/\{[^}]+\}/groups/\{": ORGANIZATION_GROUP,
    r"^~/organizations/\{": ORGANIZATION,
    r"^~/workflows/\{": WORKFLOW,
}
"""Which state a change shows in, by the operation's path; what no line matches shows only in the response and in what its Location names."""

ALONE = r"^~/(default-|events|admin-events|client-policies|client-types|localization|users/profile|attack-detection|clear-|users-management|authentication/(required-actions|register-required|unregistered)|workflows/migrate)|^~/ui-ext$|^~$|/management/permissions$"
"""Paths whose changes concern what a realm has only one of."""

READING_POSTS = (
    "~/partial-export", "~/client-description-converter", "~/testLDAPConnection", "~/testSMTPConnection", "~/ldap-server-capabilities",
    "~/identity-provider/import-config", "~/identity-provider/upload-certificate",
)

# fmt: on
CERTIFICATE = """-----BEGIN CERTIFICATE-----
MIIDCTCCAfGgAwIBAgIUBc3RoVymAVCkCqmxQ/sNxy7MWjMwDQYJKoZIhvcNAQEL
BQAwEzERMA8GA1UEAwwIbWVhc3VyZWQwIBcNMjYxMTIzMTgwNDE3WhgPMjEyNjEw
MzAxODA0MTdaMBMxETAPBgNVBAMMCG1lYXN1cmVkMIIBIjANBgkqhkiG9w0BAQEF
AAOCAQ8AMIIBCgKCAQEA2iHWTfpTYedLbODSniLvc85yDDCFIGGcnw6kSX9OQCxi
lnb+8e8CKx+14LTcfRbfHbyJMtF3bXqaZmSyDsHAzjeHEq04s/2bTCkSVxkYoPuM
wwpsLJAY3WreahkFbzyq7ZZtbNvFObcBZPVlnLvyo5Kc5peIR1RiBQnXJKN0PvmT
90kHeM5TPv5XH4Wg3kyahqerYlMTU2lDcteTPvKj5AZmrgDqNgc6TsQSeRLb8O1B
OcArX2rtChfmLI9lL0FOshXcaD8voXa0IIRqS85iYWbjQc2EtR4PZXKCJVb2JgC4
LU7OH4YY9n3k2hgoAtBYubggyLGRj/S/aH+wkfh4QwIDAQABo1MwUTAdBgNVHQ4E
FgQUQLJn3VchFRrrD6G9wr86sNoNHnYwHwYDVR0jBBgwFoAUQLJn3VchFRrrD6G9
wr86sNoNHnYwDwYDVR0TAQH/BAUwAwEB/zANBgkqhkiG9w0BAQsFAAOCAQEAkeQl
Ry8i8mHpHYVR1C3+xgJmC8qjHLWpWk0361Zdx4b8/JIYQx2TmIpXLx0moTlwfzVM
YaQqQlmWsvCRye7GcDcR0FpWLqGovv6e9VVoYpM5JOuZKyQXOuyZWSzVAiAtzoXR
MwJc1Eh2qRSFIMEo3R6Z8DS444dVHwzwBRA7w/58fUcvX0Jbg29B2X3oI17WNSSo
hVMfwHWaulcS82X9HCqweW+qa3EnXRz/dNVAOg51EnTNv/yf8ALci34Jevn4Qzm+
wSBQWBWAQOtVHdI2e1TlOGOJONuX5E43JWMNJiER6Cs3cmQ21NrrM/T60tayazAz
HzEc8bC3jUySCGFH1g==
-----END CERTIFICATE-----
"""
