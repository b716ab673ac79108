"""The Ansible form of a fix: a playbook with modules of the collection community.general.

Facts about the modules (community.general 11.4 and 13.4): ``keycloak_user_rolemapping`` adds the roles that the account does not have, and
removes none; ``keycloak_client_rolescope`` refuses clients with full scope. Both put realm, client ID and account into URLs as they are, so
a name that means something else there gets no playbook.
"""

import re

from kcproxy.explain.fixes.grantee import Grantee
from kcproxy.explain.fixes.unwritable import Unprintable
from kcproxy.explain.fixes.yaml_text import string
from kcproxy.model import RoleSet

_IN_URL = re.compile(r"[A-Za-z0-9._~-]+\Z")
NAME_IN_URL = "No playbook is printed: Ansible's modules put names into URLs as they are, and one of these names has a character that means something there"


def ansible_grant(to: Grantee, container: str | None, roles: RoleSet, *, with_scope: bool = False) -> str | None:
    """A grant as a playbook; ``with_scope``: and the scope mappings. None if nothing names the account."""
    if not to.is_named:
        return None
    task = _ROLES % {
        "name": "Grant",
        "state": "",
        "account": _account(to),
        **_common(to, container, "client_id"),
        "roles": _listed(roles, "- name: "),
    }
    return _HEAD + task + (_scope(to, container, roles) if with_scope else "")


def ansible_revoke(to: Grantee, container: str | None, roles: RoleSet) -> str | None:
    """The removal of directly granted roles as a playbook. None if nothing names the account."""
    if not to.is_named:
        return None
    state = "\n        state: absent"
    names = _common(to, container, "client_id")
    return _HEAD + _ROLES % {"name": "Remove", "state": state, "account": _account(to), **names, "roles": _listed(roles, "- name: ")}


def ansible_scope(to: Grantee, container: str | None, roles: RoleSet) -> str | None:
    """Scope mappings as a playbook."""
    return _HEAD + _scope(to, container, roles) if to.client_id else None


def _scope(to: Grantee, container: str | None, roles: RoleSet) -> str:
    client = string(_in_url(to.client_id or ""))
    return _SCOPE % {"client": client, **_common(to, container, "client_scope_id"), "roles": _listed(roles, "- ")}


def _common(to: Grantee, container: str | None, option: str) -> dict[str, str]:
    owner = "" if container is None else f"\n        {option}: {string(_in_url(container))}"
    return {"realm": string(_in_url(to.realm)), "owner": owner}


def _account(to: Grantee) -> str:
    if to.is_service_account and _IN_URL.match(to.client_id or ""):
        return f"service_account_user_client_id: {string(to.client_id or '')}"
    if to.by_name is not None and _IN_URL.match(to.by_name):
        return f"target_username: {string(to.by_name)}"
    return f"uid: {string(_in_url(to.user_id or ''))}"


def _in_url(value: str) -> str:
    if not _IN_URL.match(value) or value in {".", ".."}:
        raise Unprintable(NAME_IN_URL)
    return value


def _listed(roles: RoleSet, before: str) -> str:
    return "\n".join(f"          {before}{string(role)}" for role in roles)


_HEAD = """\
# Needs the collection community.general, and the environment variables KEYCLOAK_URL (with the base path) and ADMIN_TOKEN.
- hosts: localhost
  gather_facts: false
  tasks:
    - name: Check the environment
      ansible.builtin.assert:
        that:
          - lookup('ansible.builtin.env', 'KEYCLOAK_URL') | length > 0
          - lookup('ansible.builtin.env', 'ADMIN_TOKEN') | length > 0
        fail_msg: Set KEYCLOAK_URL to the address of Keycloak, and ADMIN_TOKEN to an access token of an administrator.
        quiet: true
"""
_ROLES = """\
    - name: %(name)s the roles
      community.general.keycloak_user_rolemapping:
        auth_keycloak_url: "{{ lookup('ansible.builtin.env', 'KEYCLOAK_URL') }}"
        token: "{{ lookup('ansible.builtin.env', 'ADMIN_TOKEN') }}"
        realm: %(realm)s
        %(account)s%(owner)s%(state)s
        roles:
%(roles)s
"""
_SCOPE = """\
    - name: Let the roles through the client's scope
      community.general.keycloak_client_rolescope:
        auth_keycloak_url: "{{ lookup('ansible.builtin.env', 'KEYCLOAK_URL') }}"
        token: "{{ lookup('ansible.builtin.env', 'ADMIN_TOKEN') }}"
        realm: %(realm)s
        client_id: %(client)s%(owner)s
        role_names:
%(roles)s
      register: scope
      failed_when: scope is failed and 'FullScopeAllowed is active' not in scope.msg  # with full scope there is nothing to do
"""
