"""The forms in which a fix is printed for programs: each one whole, or not at all."""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from kcproxy.explain.fixes.ansible import ansible_grant, ansible_revoke, ansible_scope
from kcproxy.explain.fixes.commands import curl_grant, curl_revoke, curl_scope, kcadm_grant, kcadm_revoke, kcadm_scope
from kcproxy.explain.fixes.grantee import Grantee
from kcproxy.explain.fixes.terraform import terraform_grant, terraform_scope
from kcproxy.explain.fixes.unwritable import Unprintable, Unwritable
from kcproxy.model import RoleSet

LEFT_OUT = "Commands are left out that cannot be written: a name is too long for them, or has a character that they cannot hold"
NO_TERRAFORM = "No Terraform is printed for a removal: remove the resources that grant these roles"
Lines = tuple[str, ...]


class Forms(NamedTuple):
    """Commands for kcadm.sh and curl, resources of Terraform, a playbook of Ansible. ``left_out``: why one of them is not there."""

    kcadm: Lines = ()
    curl: Lines = ()
    terraform: str | None = None
    ansible: str | None = None
    left_out: tuple[str, ...] = ()


def grant_forms(to: Grantee, container: str | None, roles: RoleSet, *, version: tuple[int, ...], with_scope: bool = False) -> Forms:
    """A grant of roles of a client, or without one of the realm; ``with_scope``: and the client's scope lets them through.

    An account without a name or id is one that no command names.
    """

    def kcadm() -> Lines:
        grant = (kcadm_grant(to, container, roles),) if to.is_named else ()
        return (*grant, *(kcadm_scope(to, container, roles) if with_scope else ()))

    def curl() -> Lines:
        if to.is_named:
            return curl_grant(to, container, roles, with_scope=with_scope)
        return curl_scope(to, container, roles) if with_scope else ()

    return _forms(
        kcadm,
        curl,
        lambda: terraform_grant(to, container, roles, version=version, with_scope=with_scope),
        lambda: ansible_grant(to, container, roles, with_scope=with_scope),
    )


def revoke_forms(to: Grantee, container: str | None, roles: RoleSet) -> Forms:
    """The removal of directly granted roles. A role that comes from a group or from a composite role has to be removed there."""
    if not to.is_named:
        return Forms()
    return _forms(
        lambda: (kcadm_revoke(to, container, roles),),
        lambda: curl_revoke(to, container, roles),
        _no_terraform,
        lambda: ansible_revoke(to, container, roles),
    )


def _no_terraform() -> str | None:
    raise Unprintable(NO_TERRAFORM)


def scope_forms(to: Grantee, container: str | None, roles: RoleSet, *, version: tuple[int, ...]) -> Forms:
    """A scope mapping alone."""
    return _forms(
        lambda: kcadm_scope(to, container, roles),
        lambda: curl_scope(to, container, roles),
        lambda: terraform_scope(to, container, roles, version=version),
        lambda: ansible_scope(to, container, roles),
    )


T = TypeVar("T")
Text = Callable[[], str | None]


def _forms(kcadm: Callable[[], Lines], curl: Callable[[], Lines], terraform: Text, ansible: Text) -> Forms:
    lines, requests, resources, playbook = _whole(kcadm), _whole(curl), _whole(terraform), _whole(ansible)
    reasons = [each[1] for each in (lines, requests, resources, playbook) if each[1]]
    left_out = tuple(dict.fromkeys(reasons)) if reasons else ()
    return Forms(kcadm=lines[0] or (), curl=requests[0] or (), terraform=resources[0], ansible=playbook[0], left_out=left_out)


def _whole(make: Callable[[], T]) -> tuple[T | None, str | None]:
    """What is made, or why it could not be."""
    try:
        return make(), None
    except Unprintable as limit:
        return None, str(limit)
    except Unwritable:
        return None, LEFT_OUT
