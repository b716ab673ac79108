"""The facts about one refusal while they are gathered. Each look-up fills in what it found; the frozen ``Facts`` come out at the end."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from kcproxy.model import Facts, RoleElsewhere


@dataclass(slots=True)
class FactsDraft:
    """The fields of ``Facts`` that look-ups fill in, with the same names, types and meanings. None: not looked up, or not found out."""

    # the caller's account
    granted: tuple[str, ...] | None = None
    realm_roles_granted: tuple[str, ...] | None = None
    realm_roles_in_scope: tuple[str, ...] | None = None
    fresh_token_roles: tuple[str, ...] | None = None
    fresh_token_realm_roles: tuple[str, ...] | None = None
    granted_to_service_account: tuple[str, ...] | None = None
    granted_elsewhere: tuple[RoleElsewhere, ...] | None = None
    account_id: str | None = None
    account_name: str | None = None
    account_known: bool | None = None
    account_enabled: bool | None = None
    account_not_before_epoch_seconds: int | None = None
    service_account_id: str | None = None
    session_alive: bool | None = None
    # the caller's client
    client_uuid: str | None = None
    client_known: bool | None = None
    client_enabled: bool | None = None
    client_bearer_only: bool | None = None
    client_public: bool | None = None
    client_not_before_epoch_seconds: int | None = None
    service_accounts_enabled: bool | None = None
    direct_grants_enabled: bool | None = None
    lightweight: bool | None = None
    full_scope: bool | None = None
    in_scope: tuple[str, ...] | None = None
    role_mapper_attached: bool | None = None
    # the realm
    realm_known: bool | None = None
    realm_enabled: bool | None = None
    realm_not_before_epoch_seconds: int | None = None
    admin_permissions_enabled: bool | None = None
    permissions_client_uuid: str | None = None
    permissions: object | None = None
    organizations_enabled: bool | None = None
    ssl_required: str | None = None
    target_is_built_in: bool | None = None
    target_is_permissions: bool | None = None
    target_role_is_client: bool | None = None
    roles_are_built_in: bool | None = None
    roles_in_body: Mapping[str, bool] | None = None
    issuer: str | None = None
    own_issuer: str | None = None
    key_ids: tuple[str, ...] | None = None
    signature_valid: bool | None = None

    def freeze(self) -> Facts | None:
        """The facts, None if nothing was found out."""
        found = {name: getattr(self, name) for name in _NAMES}
        return Facts(**found) if any(value is not None for value in found.values()) else None


_NAMES = tuple(each.name for each in fields(FactsDraft))
