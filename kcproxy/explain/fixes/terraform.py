"""The Terraform form of a fix, for the provider keycloak/keycloak.

Each text is a piece of a module: data sources that find realm, client, user and roles, and one resource for each grant. Its labels are
made of the names in it, so that the pieces of different fixes stand side by side in one module.

Facts about the provider (documentation and behaviour of 5.9): a realm's name goes into URLs as it is; destroying a
``keycloak_generic_role_mapper`` of a client role deletes all scope mappings of that role's client; ``keycloak_user_roles`` is exhaustive
unless it says otherwise; from 5.8 it takes Keycloak 26 or newer.
"""

import re

from kcproxy.explain.context import REALM_MANAGEMENT
from kcproxy.explain.fixes import hcl
from kcproxy.explain.fixes.grantee import Grantee
from kcproxy.explain.fixes.unwritable import Unprintable
from kcproxy.model import RoleSet

_IN_URL = re.compile(r"[^%?#/\\]+\Z")
"""What the provider can put into a URL as it is; the rest would name something else, or nothing."""
_OLD_KEYCLOAK = (26,)
REALM_IN_URL = "No Terraform is printed: the provider puts the realm's name into URLs as it is, and this name has a character that means something there"
ID_IN_URL = (
    "No Terraform is printed: the provider puts the account's id into URLs as it is, and this id has a character that means something there"
)


def terraform_grant(
    to: Grantee, container: str | None, roles: RoleSet, *, version: tuple[int, ...], with_scope: bool = False
) -> str | None:
    """A grant as resources; ``with_scope``: and the scope mappings. None if nothing names the account."""
    if not to.is_named:
        return None
    own = to.is_service_account
    account = (to.client_id or "",) if own else ("user", to.username or to.user_id or "")
    blocks = _Blocks(to=to, container=container, roles=roles, account=(*account, "and-scope") if with_scope else account)
    grant = blocks.service_account() if own else blocks.user()
    client = [blocks.client()] if with_scope or own else []
    roles_read = blocks.role_data() if with_scope or not own else []
    return "\n\n".join([head(version), *blocks.realm_and_owner(), *client, *roles_read, *grant, *(blocks.mappings() if with_scope else [])])


def terraform_scope(to: Grantee, container: str | None, roles: RoleSet, *, version: tuple[int, ...]) -> str | None:
    """Scope mappings as resources."""
    if not to.client_id:
        return None
    blocks = _Blocks(to=to, container=container, roles=roles, account=("scope", to.client_id))
    return "\n\n".join([head(version), *blocks.realm_and_owner(), blocks.client(), *blocks.role_data(), *blocks.mappings()])


class _Blocks:
    """The blocks of one piece. They share a label; if there are several roles, each of these has one of its own."""

    def __init__(self, *, to: Grantee, container: str | None, roles: RoleSet, account: tuple[str, ...]) -> None:
        addressable(to.realm)
        owner = () if container == REALM_MANAGEMENT else (container or "realm-roles",)
        names = (to.realm, *account, *owner, *roles)
        self.to, self.container, self.roles = to, container, roles
        self.label = hcl.label(*names)
        self.of_role = {role: self.label if len(roles) == 1 else hcl.label(*names, role) for role in roles}

    def realm_and_owner(self) -> list[str]:
        owner = [] if self.container is None else [hcl.filled(_OWNER, labels={"label": self.label}, client_id=self.container)]
        return [hcl.filled(_REALM, labels={"label": self.label}, realm=self.to.realm), *owner]

    def client(self) -> str:
        return hcl.filled(_CLIENT, labels={"label": self.label}, client_id=self.to.client_id or "")

    def role_data(self) -> list[str]:
        if self.container is None:
            return [hcl.filled(_ROLE_OF_REALM, labels=self._labels(role), role=role) for role in self.roles]
        return [hcl.filled(_ROLE, labels=self._labels(role), role=role) for role in self.roles]

    def service_account(self) -> list[str]:
        if self.container is None:
            grants = [hcl.filled(_SERVICE_ACCOUNT_REALM_ROLE, labels=self._labels(role), role=role) for role in self.roles]
        else:
            grants = [hcl.filled(_SERVICE_ACCOUNT_ROLE, labels=self._labels(role), role=role) for role in self.roles]
        return [_BESIDE_EXHAUSTIVE + grants[0], *grants[1:]]

    def _labels(self, role: str) -> dict[str, str]:
        return {"label": self.label, "role_label": self.of_role[role]}

    def user(self) -> list[str]:
        ids = ", ".join(f"data.keycloak_role.{self.of_role[role]}.id" for role in self.roles)
        if self.to.by_name is not None:
            user = [hcl.filled(_USER, labels={"label": self.label}, username=self.to.by_name)]
            user_id = f"data.keycloak_user.{self.label}.id"
        else:
            user, user_id = [], hcl.string(_in_url(self.to.user_id or ""))
        return [*user, _BESIDE_EXHAUSTIVE + _USER_ROLES % {"label": self.label, "user_id": user_id, "ids": ids}]

    def mappings(self) -> list[str]:
        """The scope mappings. The provider destroys that of a realm role alone."""
        made = [hcl.filled(_MAPPING, labels=self._labels(role)) for role in self.roles]
        return made if self.container is None else [_DESTROYS + made[0], *made[1:]]


def _in_url(value: str) -> str:
    if not _IN_URL.match(value):
        raise Unprintable(ID_IN_URL)
    return value


def addressable(realm: str) -> None:
    """Raises Unprintable if the provider cannot put the realm's name into URLs."""
    if not _IN_URL.match(realm):
        raise Unprintable(REALM_IN_URL)


def head(version: tuple[int, ...]) -> str:
    """The comment with the provider's source, and its versions that take this Keycloak."""
    return _HEAD_FOR_OLD if version < _OLD_KEYCLOAK else _HEAD_FOR_NEW


_HEAD = """\
# The module needs this once, for example in versions.tf:
# terraform {
#   required_providers {
#     keycloak = {
#       source  = "keycloak/keycloak"
#       version = "%(version)s"
#     }
#   }
# }"""
_HEAD_FOR_OLD, _HEAD_FOR_NEW = _HEAD % {"version": ">= 5.0, < 5.8"}, _HEAD % {"version": ">= 5.9, < 6.0"}
_BESIDE_EXHAUSTIVE = """\
# If this account also has a keycloak_user_roles with exhaustive = true (its default), add the role there: that resource removes every other grant.
"""
_DESTROYS = """\
# Do not destroy this resource while other scope mappings are needed: up to 5.9 the provider then deletes all mappings of the client's scope
# to roles of the same owner, not only this one.
"""
_REALM = """\
data "keycloak_realm" "%(label)s" {
  realm = %(realm)s
}"""
_OWNER = """\
data "keycloak_openid_client" "%(label)s__owner" {
  realm_id  = data.keycloak_realm.%(label)s.id
  client_id = %(client_id)s
}"""
_CLIENT = """\
data "keycloak_openid_client" "%(label)s" {
  realm_id  = data.keycloak_realm.%(label)s.id
  client_id = %(client_id)s
}"""
_USER = """\
data "keycloak_user" "%(label)s" {
  realm_id = data.keycloak_realm.%(label)s.id
  username = %(username)s
}"""
_ROLE = """\
data "keycloak_role" "%(role_label)s" {
  realm_id  = data.keycloak_realm.%(label)s.id
  client_id = data.keycloak_openid_client.%(label)s__owner.id
  name      = %(role)s
}"""
_ROLE_OF_REALM = """\
data "keycloak_role" "%(role_label)s" {
  realm_id = data.keycloak_realm.%(label)s.id
  name     = %(role)s
}"""
_SERVICE_ACCOUNT_ROLE = """\
resource "keycloak_openid_client_service_account_role" "%(role_label)s" {
  realm_id                = data.keycloak_realm.%(label)s.id
  service_account_user_id = data.keycloak_openid_client.%(label)s.service_account_user_id
  client_id               = data.keycloak_openid_client.%(label)s__owner.id
  role                    = %(role)s
}"""
_SERVICE_ACCOUNT_REALM_ROLE = """\
resource "keycloak_openid_client_service_account_realm_role" "%(role_label)s" {
  realm_id                = data.keycloak_realm.%(label)s.id
  service_account_user_id = data.keycloak_openid_client.%(label)s.service_account_user_id
  role                    = %(role)s
}"""
_USER_ROLES = """\
resource "keycloak_user_roles" "%(label)s" {
  realm_id   = data.keycloak_realm.%(label)s.id
  user_id    = %(user_id)s
  role_ids   = [%(ids)s]
  exhaustive = false
}"""
_MAPPING = """\
resource "keycloak_generic_role_mapper" "%(role_label)s" {
  realm_id  = data.keycloak_realm.%(label)s.id
  client_id = data.keycloak_openid_client.%(label)s.id
  role_id   = data.keycloak_role.%(role_label)s.id
}"""
