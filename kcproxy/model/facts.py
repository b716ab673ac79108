"""Results of look-ups."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from kcproxy.model.vocabulary import nothing


class RoleElsewhere(Struct, frozen=True, kw_only=True):
    """A role of a client that does not own the admin roles, or, without a client, of the realm."""

    name: str
    client: str | None = None


class Facts(Struct, frozen=True, kw_only=True):
    """Results of look-ups with the inspector, and of public documents. None means not looked up, which is not the same as empty.

    Roles are effective ones (composites and groups resolved) of the client that owns the admin roles. Everything is about the client,
    account and realm of the caller, except what is said to be for operators: ``explain`` shows that to a caller only if Keycloak does, too.
    """

    keycloak: str | None = None
    # the caller's account
    granted: tuple[str, ...] | None = None
    realm_roles_granted: tuple[str, ...] | None = None  # effective realm roles, if a server-wide operation requires one
    realm_roles_in_scope: tuple[str, ...] | None = None
    fresh_token_roles: tuple[str, ...] | None = None  # the roles in a token of this client and account that is fetched now
    fresh_token_realm_roles: tuple[str, ...] | None = None
    granted_to_service_account: tuple[str, ...] | None = None  # of the same client, if the caller is a user
    granted_elsewhere: tuple[RoleElsewhere, ...] | None = None  # every other role that is assigned to the account itself
    account_id: str | None = None  # of the session, if the token itself names no account (lightweight)
    account_name: str | None = None
    account_known: bool | None = None  # whether an account with the sub of the token exists
    account_enabled: bool | None = None
    account_not_before_epoch_seconds: int | None = None  # signing a user out sets it
    service_account_id: str | None = None  # of the caller's client as it is now
    session_alive: bool | None = None
    # the caller's client
    client_uuid: str | None = None
    client_known: bool | None = None
    client_enabled: bool | None = None
    client_bearer_only: bool | None = None
    client_public: bool | None = None
    service_accounts_enabled: bool | None = None
    direct_grants_enabled: bool | None = None
    lightweight: bool | None = None
    full_scope: bool | None = None
    in_scope: tuple[str, ...] | None = None
    role_mapper_attached: bool | None = None
    # the realm, and its public documents
    realm_known: bool | None = None
    realm_enabled: bool | None = None
    realm_not_before_epoch_seconds: int | None = None
    client_not_before_epoch_seconds: int | None = None
    admin_permissions_enabled: bool | None = None
    permissions_client_uuid: str | None = None
    permissions: object | None = None  # kcproxy.permissions.facts.PermissionFacts, a layer above: judged by explain, for operators
    organizations_enabled: bool | None = None
    ssl_required: str | None = None
    target_is_built_in: bool | None = None  # the client in the path, for callers who are allowed to see it
    target_is_permissions: bool | None = (
        None  # that client is admin-permissions, which holds the fine-grained permissions of the realm; for the same callers
    )
    target_role_is_client: bool | None = None  # the role with the ID in the path belongs to a client; for operators
    roles_are_built_in: bool | None = None  # the roles in the body belong to the client that owns the realm's admin roles; for operators
    roles_in_body: Mapping[str, bool] | None = None  # by ID of a role in the body: whether it belongs to a client; for operators
    issuer: str | None = None  # as Keycloak publishes it for requests with the address of this one (Host, X-Forwarded-*)
    own_issuer: str | None = None  # as it publishes it for the proxy itself
    key_ids: tuple[str, ...] | None = None
    signature_valid: bool | None = None
    disabled_features: tuple[str, ...] | None = None
    extra: Mapping[str, Any] = field(default_factory=nothing)
