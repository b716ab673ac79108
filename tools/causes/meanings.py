"""What each cause means, in a few sentences for someone who meets it for the first time."""

from kcproxy.model import Cause

MEANINGS: dict[Cause, str] = {
    Cause.ROLE_MISSING: "The Admin REST API has no scopes or policies of its own: each operation asks for *roles of the client* `realm-management`, which every realm has. "
    "The account that the token is of, often `service-account-` and the client's name, does not have the one that this operation needs. Being able to log in, and "
    "having roles of the realm or of one's own client, changes nothing about that.",
    Cause.MASTER_ROLE_MISSING: "Accounts of realm `master` can administer every realm, but not with roles of that realm's `realm-management`. In `master` there is one client for each "
    "realm, named after it with `-realm` at the end (`demo-realm`, and `master-realm` for master itself). Its roles have the same names, and one of them is missing.",
    Cause.ROLE_REVOKED: "The token was issued while the account had the role, and still names it. From 26.7 on Keycloak does not go by the token's list but by the grants as they are at "
    "the call, so taking a role away works at once. On older versions such a token goes on working until it expires.",
    Cause.ROLE_OF_OTHER_CLIENT: "Role names are unique only within their owner. `view-users` as a role of the realm, or of the caller's own client, is another role than `view-users` of "
    "`realm-management`, and only the latter opens the Admin REST API. The Admin console shows the owner beside the name when it assigns roles.",
    Cause.ROLE_GRANTED_TO_OTHER_ACCOUNT: "The role was granted, but to somebody else: to the developer's own user, to a user of a similar name, or to the service account of another client. "
    "A client-credentials token is of the service account of the very client that asked for it. kcproxy names this only as a possibility, because who else holds a role is not the caller's business.",
    Cause.SCOPE_MAPPING_IS_NO_GRANT: "A client's scope (its dedicated scope, tab Scope) says which roles *may pass* into its tokens, if the account has them. It gives nobody a role. "
    "Here the role stands in the scope, and the account does not have it.",
    Cause.USER_TOKEN_USED: "The same client can get tokens of two kinds of account: its service account's (`client_credentials`) and a user's (`password`, `authorization_code`). "
    "The role was granted to the service account, and the request was made with a user's token.",
    Cause.SERVICE_ACCOUNT_RECREATED: "Switching *Service accounts roles* off deletes the service account, and switching it on again makes a new one of the same name with a new id. "
    "The grants of the old one are gone. A token from before still names them, and on 26.7 and later counts for nothing.",
    Cause.SCOPE_EXCLUDES_ROLE: "With *Full scope allowed* off, a client acts only with the roles that are listed in its scope as well. The account has the role, the list does not. "
    "Keeping full scope off is good practice: add the one role, and leave the switch as it is.",
    Cause.ROLES_NOT_IN_TOKEN: "Versions up to 26.6 read the caller's roles from the token (lightweight tokens excepted). What writes them there is the client scope `roles` with its mapper *client roles*. Without "
    "it the token has no `resource_access`, and the grants do not count. From 26.7 on this makes no difference, and kcproxy never gives it as the cause there.",
    Cause.TOKEN_OLDER_THAN_GRANT: "On versions that read roles from the token, a grant changes nothing about tokens that exist already. The request is refused until a new token is fetched; waiting "
    "seems to help only because tokens expire. A token that kcproxy adds itself is replaced at once.",
    Cause.TOKEN_OLDER_THAN_REALM: "A token of an administrator of `master` lists the admin clients of the realms that existed when it was issued. A realm that was created with it is not among them. "
    "On versions that read roles from the token the very next call for the new realm is therefore refused. The account has the roles; the token is too old.",
    Cause.TOKEN_OF_OTHER_REALM: "A realm can be administered with its own tokens and with tokens of `master`, and with no others. That is decided before any role is looked at. Programs that have one setting for "
    "*the realm*, where two are needed (where to log in, what to administer), run into this.",
    Cause.SERVER_WIDE_OPERATION: "Some operations concern no single realm, above all creating one. They are open to accounts of `master` with the right *realm role* of master (`create-realm`). "
    "`realm-admin` of another realm ends at that realm's border.",
    Cause.ESCALATION_GUARD: "Keycloak does not let an administrator hand out, or take on, more power than he has: assigning an admin role takes that role (or a stronger one) besides `manage-users`, and acting as "
    "an administrator takes more than `impersonation`. The answer has the same bare body as for a missing role.",
    Cause.PROTECTED_OBJECT: "From 26.7 on the built-in client `realm-management` and its roles cannot be changed, not even by `realm-admin`. The refusal looks like a missing role and is none.",
    Cause.FINE_GRAINED_PERMISSION_MISSING: "The realm uses fine-grained admin permissions: besides roles, *permissions* on single users, groups or clients can open calls. The caller has only the `query-` roles that "
    "go with them, and no permission covers this call. A permission on the one resource is the smaller grant than a role.",
    Cause.OPERATION_IMPOSSIBLE: "On this version no role of the realm opens the operation; it was measured with `realm-admin` too. What is left is an account of `master`.",
    Cause.KNOWN_DEFECT: "The refusal is a defect of this Keycloak version, which a later one has repaired. The caller has what the call takes.",
    Cause.ORIGIN_NOT_ALLOWED: "The request had an `Origin` header, as browsers send it, and from 26 on Keycloak refuses origins that the token's client does not list under *Web origins*. "
    "The token may be perfectly good.",
    Cause.HTTPS_REQUIRED: "Each realm has a setting *Require SSL*. With `external`, the default, plain HTTP is accepted from private addresses only. Behind a proxy that terminates TLS, Keycloak has to be told of it.",
    Cause.OTHER_ENDPOINT: "The path belongs to Keycloak but not to the Admin REST API: userinfo, client registration, the account API, UMA. Each has its own rules, and admin roles play no part in them.",
    Cause.TOKEN_MISSING: "The Admin REST API takes an access token in the header `Authorization: Bearer …`, and the request had none. 401 means that Keycloak does not know *who* calls; 403 would mean that he *may not*.",
    Cause.TOKEN_WITHHELD: "kcproxy can add the token of a service account to requests that bring none (`[[accounts]]`). Here it has an account for the realm and kept its token back, because of a setting or a rule of its own: `operations` limits what may be called with it; what a page in a browser sends, and paths that two readers could read differently, never get one. Keycloak saw a request without a token and answered 401; no role in Keycloak changes that.",
    Cause.SCHEME_WRONG: "The header `Authorization` was there, but not with `Bearer`. Client id and secret (`Basic`) are for the token endpoint; the Admin REST API wants the token that it gives.",
    Cause.TOKEN_MALFORMED: "What was sent after `Bearer` is not a token that can be read: a variable that was never filled, the whole JSON answer of the token endpoint, a copy that was cut off.",
    Cause.TOKEN_EXPIRED: "Access tokens live for minutes (five by default for service accounts). This one's time (`exp`) is over. Programs that log in once at their start meet it after a while.",
    Cause.TOKEN_NOT_YET_VALID: "The token carries a start time (`nbf`) that lies in the future, as seen here: two clocks differ.",
    Cause.ISSUER_MISMATCH: "A token names its issuer (`iss`), the realm's address as Keycloak saw it when the token was fetched. Without a fixed hostname that is the address that the *token request* used. "
    "When the admin call comes by another one (`localhost` and `127.0.0.1`, http and https, inside and outside of the cluster), Keycloak takes the token for a stranger's.",
    Cause.TOKEN_KIND_WRONG: "The token endpoint's answer can hold up to three tokens. Only `access_token` opens APIs; `id_token` tells a program who logged in, and `refresh_token` is for the token endpoint alone.",
    Cause.AUDIENCE_MISSING: "According to the upgrade notes of 26.8.2 the Admin REST API accepts only tokens whose audience (`aud`) names it. The new built-in client scope `kc-admin-api` adds it; on upgrade only "
    "`admin-cli` and `security-admin-console` get that scope. All other clients answer 401 until they have it. (From the documentation; not measured.)",
    Cause.PROOF_MISSING: "The token is bound to a key of the client (DPoP, RFC 9449, or a certificate, RFC 8705), and each request has to prove possession of it. From 26.4 on the Admin REST API insists.",
    Cause.PROOF_MISMATCH: "A DPoP proof is made for one method and one address (`htu`). A proof for the proxy's address does not fit the address at which Keycloak is reached.",
    Cause.SIGNATURE_INVALID: "The token says that it is of this realm, and its signature does not confirm it: it was altered, made by somebody else, or never signed.",
    Cause.SIGNING_KEY_UNKNOWN: "The token names a signing key that the realm does not publish. The key was rotated out and removed, or the token is of another server with a realm of the same name.",
    Cause.SESSION_ENDED: "A user's token lives only as long as the session in which it was issued. The user logged out, an administrator ended the session, or it ran into its limit, although `exp` is still ahead.",
    Cause.TOKEN_REVOKED: "A program can revoke one access token at the realm's revocation endpoint (RFC 7009), as some libraries do on logout. Keycloak remembers the ids of such tokens until they expire and shows them nowhere, so this is never certain: it is what is left when signature, issuer, session, account, client and not-before times have been looked up and are in order.",
    Cause.NOT_BEFORE: "Keycloak can revoke all tokens issued before a moment, for a realm, a client or a user (*not before*, *Sign out all active sessions*). This token is older.",
    Cause.ACCOUNT_DISABLED: "The account that the token is of was disabled or deleted after the token was issued. Keycloak checks that at each call.",
    Cause.CLIENT_DISABLED: "The client that fetched the token was disabled or deleted afterwards. Keycloak checks that at each call.",
    Cause.REALM_NAME_UNSUPPORTED: "24.0.5 does not find the realm of a token again when its name is percent-encoded in the issuer, and answers 401 to every token of that realm. 26.7.4 copes.",
    Cause.TOKEN_REJECTED: "The token can be read, is of the right kind, in its time, and from the right issuer, and still Keycloak answers 401. A handful of causes look exactly alike from outside; kcproxy names those "
    "that are left. With an inspector account it can mostly tell which.",
    Cause.CLIENT_UNKNOWN: "The token endpoint answers the same to a client that does not exist and to one that is disabled. Often the client exists in another realm than the one that was asked.",
    Cause.CLIENT_CREDENTIALS_WRONG: "The client exists, and what it presented to prove itself was not right. Bearer-only clients, among them the built-in `realm-management`, get the same answer: they hold roles and log in nobody.",
    Cause.SERVICE_ACCOUNT_OFF: "`client_credentials` needs a service account, which a client has only when it is confidential (*Client authentication* on) and *Service accounts roles* is ticked.",
    Cause.GRANT_NOT_ALLOWED: "Each client lists the flows that it may use. The one that the request asks for is not among them, or Keycloak does not know it.",
    Cause.USER_CREDENTIALS_WRONG: "The password flow was refused. Wrong name, wrong password, missing one-time code and a temporary lock after too many attempts look alike on purpose.",
    Cause.ACCOUNT_NOT_SET_UP: "The user has something to do first (*Required user actions*): set a new password, accept terms, complete the profile. That takes a browser.",
    Cause.REFRESH_TOKEN_INVALID: "A refresh token (or an authorization code) that is expired, was used before, belongs to another client, or whose session has ended. There is nothing to refresh; log in again.",
    Cause.SCOPE_INVALID: "The request's `scope` names a client scope that the client does not have, neither as default nor as optional.",
    Cause.TOKEN_REQUEST_INVALID: "The token request is incomplete: a field is missing, stands twice, or the body is JSON instead of a form.",
    Cause.REALM_DISABLED: "The realm is switched off. Its token endpoint gives no tokens, while tokens that exist still work on the admin API.",
    Cause.REALM_UNKNOWN: "The realm in the path, or in the token's issuer, does not exist on this server. Names are case-sensitive, and the administration realm is called `master`.",
    Cause.BASE_PATH_WRONG: "Up to version 16 everything lay below `/auth`. From 17 on it does not, unless the server was started with `http-relative-path`.",
    Cause.PATH_WRONG: "The path does not exist as it is written. Mostly the base URL of a client library was given with `/admin` at its end, or a document's path was taken without its beginning.",
    Cause.NAME_USED_AS_ID: "In the Admin REST API clients, users and groups are addressed by their internal id (a UUID), not by clientId, user name or group name. kcproxy says only that the form is wrong, never whether something exists.",
    Cause.PATH_NOT_NORMALISED: "From 26.7 on Keycloak refuses paths that two programs could read in two ways: empty segments, dot segments, needless percent-encoding.",
    Cause.HEADERS_TOO_LARGE: "An administrator of many realms carries the admin roles of all of them in each token, and the request outgrows the server's limit.",
    Cause.FEATURE_OFF: "The operation exists only while something is switched on: a feature of the server, a setting of the realm (organizations), authorization services of a client. The answer is 501, 404 or even 500.",
    Cause.RESPONSE_REDUCED: "The call succeeded, with less in it than an administrator would see: no items, fewer fields. Keycloak filters silently. kcproxy leaves the body alone and announces it in the header `Kcproxy-Notice`.",
    Cause.NOT_KEYCLOAK: "The refusal's body is not what Keycloak's Admin REST API writes: HTML, plain text, or other JSON. A gateway, firewall, ingress or service mesh answered, or the address is another server's.",
    Cause.OPERATION_UNKNOWN: "The path is below `/admin/realms`, but not in the measured table of this version: an extension's endpoint, a new version's, or one that could not be measured. kcproxy does not guess.",
    Cause.UNEXPLAINED: "All that can be looked up says that the call should pass. That can be a grant made this very moment, an extension's own check, or something that kcproxy does not know yet.",
}
