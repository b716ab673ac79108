"""The forms in which a fix is printed for programs: each one whole, or not at all."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from kcproxy.explain.fixes import commands
from kcproxy.explain.fixes.commands import Grantee
from kcproxy.explain.fixes.unwritable import Unwritable
from kcproxy.model import RoleSet

LEFT_OUT = "Commands are left out that cannot be written: a name is too long for them, or has a character that they cannot hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forms:
    """Commands for kcadm.sh and curl, and resources of Terraform. ``left_out``: one of them has no spelling for a name."""

    kcadm: tuple[str, ...] = ()
    curl: tuple[str, ...] = ()
    terraform: str | None = None
    left_out: bool = False


def grant_forms(to: Grantee, container: str, roles: RoleSet, *, with_scope: bool) -> Forms:
    """A grant; ``with_scope``: and the client's scope lets it through. An account without a name or id is one that no command names."""

    def kcadm() -> tuple[str, ...]:
        grant = (commands.kcadm_grant(to, container, roles),) if to.is_named else ()
        return (*grant, *(commands.kcadm_scope(to, container, roles) if with_scope else ()))

    def curl() -> tuple[str, ...]:
        grant = commands.curl_grant(to, container, roles) if to.is_named else ()
        return (*grant, *(commands.curl_scope(to, container, roles) if with_scope else ()))

    return _forms(kcadm, curl, lambda: commands.terraform_grant(to, container, roles, with_scope=with_scope))


def scope_forms(to: Grantee, container: str, roles: RoleSet) -> Forms:
    """A scope mapping alone."""
    return _forms(
        lambda: commands.kcadm_scope(to, container, roles),
        lambda: commands.curl_scope(to, container, roles),
        lambda: commands.terraform_scope(to, container, roles),
    )


def realm_role_grant_forms(to: Grantee, roles: RoleSet) -> Forms:
    """A grant of realm roles."""
    return _forms(lambda: (commands.kcadm_grant(to, None, roles),) if to.is_named else ())


def realm_role_scope_forms(to: Grantee, roles: RoleSet) -> Forms:
    """A scope mapping of realm roles."""
    return _forms(lambda: commands.kcadm_scope(to, None, roles))


Lines = Callable[[], tuple[str, ...]]
T = TypeVar("T")


def _forms(kcadm: Lines, curl: Lines = tuple, terraform: Callable[[], str | None] = lambda: None) -> Forms:
    lines, more, resources = _whole(kcadm), _whole(curl), _whole(terraform)
    return Forms(kcadm=lines[0] or (), curl=more[0] or (), terraform=resources[0], left_out=lines[1] or more[1] or resources[1])


def _whole(make: Callable[[], T]) -> tuple[T | None, bool]:
    """What is made, and whether it could not be."""
    try:
        return make(), False
    except Unwritable:
        return None, True
