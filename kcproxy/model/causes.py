"""The words for causes, as they are in responses, metrics and logs."""

from enum import StrEnum


class Cause(StrEnum):
    """Why a request was refused, or its response reduced. Everything else about a cause is its spec in ``explain.causes``."""

    # 403: the role
    ROLE_MISSING = "role-missing"
    MASTER_ROLE_MISSING = "master-role-missing"
    ROLE_REVOKED = "role-revoked"
    ROLE_OF_OTHER_CLIENT = "role-of-other-client"
    ROLE_GRANTED_TO_OTHER_ACCOUNT = "role-granted-to-other-account"
    SCOPE_MAPPING_IS_NO_GRANT = "scope-mapping-is-no-grant"
    USER_TOKEN_USED = "user-token-used"  # noqa: S105 - a cause, not a secret
    SERVICE_ACCOUNT_RECREATED = "service-account-recreated"
    # 403: granted, but it does not count
    SCOPE_EXCLUDES_ROLE = "scope-excludes-role"
    ROLES_NOT_IN_TOKEN = "roles-not-in-token"  # noqa: S105 - a cause, not a secret
    TOKEN_OLDER_THAN_GRANT = "token-older-than-grant"  # noqa: S105 - a cause, not a secret
    TOKEN_OLDER_THAN_REALM = "token-older-than-realm"  # noqa: S105 - a cause, not a secret
    # 403: not a matter of this role
    TOKEN_OF_OTHER_REALM = "token-of-other-realm"  # noqa: S105 - a cause, not a secret
    SERVER_WIDE_OPERATION = "server-wide-operation"
    ESCALATION_GUARD = "escalation-guard"
    PROTECTED_OBJECT = "protected-object"
    FINE_GRAINED_PERMISSION_MISSING = "fine-grained-permission-missing"
    FINE_GRAINED_PERMISSION_DENIED = "fine-grained-permission-denied"
    OPERATION_IMPOSSIBLE = "operation-impossible"
    KNOWN_DEFECT = "known-defect"
    ORIGIN_NOT_ALLOWED = "origin-not-allowed"
    HTTPS_REQUIRED = "https-required"
    OTHER_ENDPOINT = "other-endpoint"
    REGISTRATION_POLICY = "registration-policy"
    # 401: the token
    TOKEN_MISSING = "token-missing"  # noqa: S105 - a cause, not a secret
    TOKEN_WITHHELD = "token-withheld"  # noqa: S105 - a cause, not a secret
    SCHEME_WRONG = "scheme-wrong"
    TOKEN_MALFORMED = "token-malformed"  # noqa: S105 - a cause, not a secret
    TOKEN_EXPIRED = "token-expired"  # noqa: S105 - a cause, not a secret
    TOKEN_NOT_YET_VALID = "token-not-yet-valid"  # noqa: S105 - a cause, not a secret
    ISSUER_MISMATCH = "issuer-mismatch"
    TOKEN_KIND_WRONG = "token-kind-wrong"  # noqa: S105 - a cause, not a secret
    AUDIENCE_MISSING = "audience-missing"
    PROOF_MISSING = "proof-missing"
    PROOF_MISMATCH = "proof-mismatch"
    SIGNATURE_INVALID = "signature-invalid"
    SIGNING_KEY_UNKNOWN = "signing-key-unknown"
    SESSION_ENDED = "session-ended"
    TOKEN_REVOKED = "token-revoked"  # noqa: S105 - a cause, not a secret
    NOT_BEFORE = "not-before"
    ACCOUNT_DISABLED = "account-disabled"
    CLIENT_DISABLED = "client-disabled"
    REALM_NAME_UNSUPPORTED = "realm-name-unsupported"
    TOKEN_REJECTED = "token-rejected"  # noqa: S105 - a cause, not a secret
    # the token endpoint
    CLIENT_UNKNOWN = "client-unknown"
    CLIENT_CREDENTIALS_WRONG = "client-credentials-wrong"
    SERVICE_ACCOUNT_OFF = "service-account-off"
    GRANT_NOT_ALLOWED = "grant-not-allowed"
    USER_CREDENTIALS_WRONG = "user-credentials-wrong"
    ACCOUNT_NOT_SET_UP = "account-not-set-up"
    REFRESH_TOKEN_INVALID = "refresh-token-invalid"  # noqa: S105 - a cause, not a secret
    SCOPE_INVALID = "scope-invalid"
    TOKEN_REQUEST_INVALID = "token-request-invalid"  # noqa: S105 - a cause, not a secret
    REALM_DISABLED = "realm-disabled"
    # address and state
    REALM_UNKNOWN = "realm-unknown"
    BASE_PATH_WRONG = "base-path-wrong"
    PATH_WRONG = "path-wrong"
    NAME_USED_AS_ID = "name-used-as-id"
    PATH_NOT_NORMALISED = "path-not-normalised"
    HEADERS_TOO_LARGE = "headers-too-large"
    FEATURE_OFF = "feature-off"
    RESPONSE_REDUCED = "answer-reduced"
    # what we do not know
    NOT_KEYCLOAK = "not-keycloak"
    OPERATION_UNKNOWN = "operation-unknown"
    UNEXPLAINED = "unexplained"
