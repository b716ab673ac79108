"""``kcproxy who-can``: which service accounts and users may make a call, or hold a role. Asks Keycloak with the inspector's account."""

import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kcproxy.catalog import Catalog
from kcproxy.cli.exit_codes import CONTEXT, Exit, epilog
from kcproxy.cli.options import config_option, json_option
from kcproxy.cli.roles.text import roles_text
from kcproxy.cli.server_version import server_version_option, table_of_server
from kcproxy.cli.terminal import bold, columns, document, paint, result, talk
from kcproxy.explain.offline import Asked, asked
from kcproxy.keycloak.role_holders import Holder, Holders
from kcproxy.model import Requirement
from kcproxy.settings import Settings
from kcproxy.settings.load import load
from kcproxy.settings.types import METHODS

if TYPE_CHECKING:
    from kcproxy.cli.who_can_permissions import Permitted, PermittedAccounts

SCHEMA = 1
MASTER, REALM_MANAGEMENT = "master", "realm-management"
USERS = "A user's roles count only as far as the client with which they log in lets them through."
PERMISSIONS = "Fine-grained admin permissions are on in realm {realm}: they may allow others. For one client: kcproxy doctor"
PERMITTED_USERS = "Users are judged as in the Admin console"
OPEN_POLICIES = (
    "Others may be allowed by permissions in realm {realm}: a policy is negative or does not name accounts (a time, an expression, a script),"
    " or there are too many accounts. For one client: kcproxy doctor"
)
INCOMPLETE = "The inspector could not read everything in realm {realm}: there may be others"
EXAMPLES = """\b
Examples:
  kcproxy who-can GET /admin/realms/shop/users
  kcproxy who-can DELETE /admin/realms/shop --json
  kcproxy who-can --realm shop --role manage-users

"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked in a realm: the roles that have to do with it, and the requirement; for a role there is none."""

    realm: str
    roles: frozenset[str]
    needs: Requirement | None
    needs_in_master: Requirement | None
    call: Asked | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The accounts of one realm, with the client that owns the roles."""

    realm: str
    owner: str
    holders: Holders
    permitted: "PermittedAccounts | None" = None


@click.command(name="who-can", epilog=EXAMPLES + epilog(), context_settings=CONTEXT)
@click.argument("method", type=click.Choice(METHODS, case_sensitive=False), required=False, metavar="[METHOD]")
@click.argument("path", required=False)
@click.option("--realm", help="With --role: the realm whose administration the role is about.")
@click.option("--role", metavar="ROLE", help="Instead of a call: who holds this role.")
@config_option
@click.option("--upstream", metavar="URL", help="Address of Keycloak, as for serve.")
@server_version_option
@json_option
def command(
    method: str | None,
    path: str | None,
    *,
    realm: str | None,
    role: str | None,
    config: Path | None,
    upstream: str | None,
    version: str | None,
    as_json: bool,
) -> None:
    """Show which service accounts and users may call METHOD PATH, or hold a role: directly, by composite roles or by groups.

    Of a call it also shows whom fine-grained permissions (version 2) allow, if they are on in the realm.

    Asks Keycloak with the read-only account in the section [inspector] of the settings, in the realm and, if the inspector serves it, in
    master. Changes nothing.
    """
    settings = load(config, os.environ, {"upstream.url": upstream})
    if settings.inspector is None:
        raise click.UsageError(
            "who-can needs an [inspector] in the settings; to create one: kcproxy doctor --create-inspector --realm REALM"
        )
    server = table_of_server(version, config, upstream=upstream)
    catalog = server.catalog
    is_call = role is None
    question = _about_call(catalog, method, path, realm) if is_call else _about_role(catalog, realm, role or "", given=(method, path))
    found = asyncio.run(_look(settings, catalog, question, server.version))
    if not found:
        talk(f"kcproxy: the inspector cannot read realm {question.realm}: check that its settings name the realm, and its roles there")
        sys.exit(Exit.FAILED)
    if as_json:
        document(_document(catalog, question, found))
        return
    for line in _text(catalog, question, found):
        result(line)


def _about_role(catalog: Catalog, realm: str | None, role: str, *, given: tuple[str | None, str | None]) -> Question:
    if realm is None or given != (None, None):
        raise click.UsageError("give --role together with --realm, and without METHOD and PATH")
    if role not in catalog.roles:
        talk(f"kcproxy: Keycloak {catalog.version} has no admin role {role}; there are {', '.join(catalog.roles)}")
        sys.exit(Exit.UNKNOWN)
    return Question(realm=realm, roles=frozenset({role}), needs=None, needs_in_master=None)


def _about_call(catalog: Catalog, method: str | None, path: str | None, realm: str | None) -> Question:
    if method is None or path is None or realm is not None:
        raise click.UsageError("give METHOD and PATH of a call, or --role and --realm")
    call = asked(catalog, method, path)
    needs = catalog.requirement(call.target, query=call.query)
    if call.target.realm is None or needs is None or needs.undetermined is not None:
        talk(f"kcproxy: this is no call of a realm in the table of Keycloak {catalog.version}")
        sys.exit(Exit.UNKNOWN)
    in_master = catalog.requirement(call.target, query=call.query, master=True) or needs
    roles = frozenset(role for each in (needs, in_master) for sets in (*each.any_of, *each.admits) for role in sets)
    if () in needs.admits:
        raise click.UsageError("any token is enough for this call")
    return Question(realm=call.target.realm, roles=roles, needs=needs, needs_in_master=in_master, call=call)


async def _look(settings: Settings, catalog: Catalog, question: Question, version: str | None) -> list[Found]:
    """What the inspector finds in the realm and in master."""
    from kcproxy.cli.who_can_permissions import permitted  # noqa: PLC0415 - the same
    from kcproxy.keycloak.inspector import lookups_of  # noqa: PLC0415 - aiohttp is imported only if it is needed
    from kcproxy.keycloak.role_holders import RoleHolders  # noqa: PLC0415 - the same

    found = []
    async with lookups_of(settings) as lookups:
        for realm, owner in ((question.realm, REALM_MANAGEMENT), (MASTER, f"{question.realm}-realm")):
            if (realm == MASTER) == (owner == REALM_MANAGEMENT) or not lookups.covers(realm):
                continue
            holders = await RoleHolders(lookups, realm, owner).of(question.roles)
            if holders is None:
                continue
            by_permission = None
            if question.call is not None and holders.permissions and owner == REALM_MANAGEMENT:
                by_permission = await permitted(lookups, catalog, question.call, realm=realm, version=version)
            found.append(Found(realm=realm, owner=owner, holders=holders, permitted=by_permission))
    return found


def judged(catalog: Catalog, question: Question, found: Found, holder: Holder) -> str | None:
    """``yes``, or ``reduced`` for a reduced response; None if this account may not."""
    if not holder.enabled:
        return None
    needs = question.needs_in_master if found.realm == MASTER else question.needs
    if needs is None:
        return "yes"
    held = catalog.closure(holder.roles)
    if catalog.satisfies(held, needs.any_of):
        return "yes"
    return "reduced" if catalog.satisfies(held, needs.admits) else None


def _able(catalog: Catalog, question: Question, found: Found) -> list[tuple[Holder, str]]:
    answers = ((holder, judged(catalog, question, found, holder)) for holder in found.holders.holders)
    return [(holder, answer) for holder, answer in answers if answer is not None]


def _by_permissions(catalog: Catalog, question: Question, found: Found) -> "list[Permitted]":
    """The accounts that permissions let in, without those that a role gives the same or more."""
    able = {holder.username: answer for holder, answer in _able(catalog, question, found)}
    accounts = () if found.permitted is None else found.permitted.accounts
    return [each for each in accounts if able.get(each.username) not in {"yes", each.answer}]


def _document(catalog: Catalog, question: Question, found: Sequence[Found]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "keycloak": catalog.version,
        "realm": question.realm,
        "accounts": [
            {
                "realm": each.realm,
                "kind": "user" if holder.client_id is None else "service-account",
                "client": holder.client_id,
                "username": holder.username,
                "answer": answer,
                "roles": list(holder.roles),
                "owner": each.owner,
                "by": list(holder.by),
            }
            for each in found
            for holder, answer in _able(catalog, question, each)
        ]
        + [
            {
                "realm": each.realm,
                "kind": "user" if account.client_id is None else "service-account",
                "client": account.client_id,
                "username": account.username,
                "answer": account.answer,
                "roles": [],
                "owner": each.owner,
                "by": [f"permission {name}" for name in account.by],
            }
            for each in found
            for account in _by_permissions(catalog, question, each)
        ],
        "complete": all(each.holders.complete and (each.permitted is None or each.permitted.complete) for each in found),
        "notes": list(_notes(found)),
    }


def _notes(found: Sequence[Found]) -> Iterator[str]:
    for each in found:
        if each.holders.permissions and each.permitted is None:
            yield PERMISSIONS.format(realm=each.realm)
        if each.permitted is not None and not each.permitted.complete:
            yield OPEN_POLICIES.format(realm=each.realm)
        if each.permitted is not None and any(account.client_id is None for account in each.permitted.accounts):
            yield PERMITTED_USERS
        if not each.holders.complete:
            yield INCOMPLETE.format(realm=each.realm)


def _text(catalog: Catalog, question: Question, found: Sequence[Found]) -> Iterator[str]:
    for each in found:
        able = _able(catalog, question, each)
        yield bold(f"Accounts of realm {each.realm}, by roles of {each.owner} ({len(able)})")
        yield from columns([_row(holder, answer) for holder, answer in able], indent="  ")
        if any(holder.client_id is None for holder, _ in able):
            yield f"  {USERS}"
        permitted = _by_permissions(catalog, question, each)
        if permitted:
            yield bold(f"Accounts of realm {each.realm}, by fine-grained permissions ({len(permitted)})")
            yield from columns([_permitted_row(account) for account in permitted], indent="  ")
    for note in _notes(found):
        yield f"{paint('Note', 'yellow')}: {note}."


def _row(holder: Holder, answer: str) -> tuple[str, ...]:
    kind = "user" if holder.client_id is None else "service account"
    reduced = "reduced response" if answer == "reduced" else ""
    return (holder.client_id or holder.username, kind, roles_text(holder.roles), f"by {'; '.join(holder.by)}", reduced)


def _permitted_row(account: "Permitted") -> tuple[str, ...]:
    kind = "user" if account.client_id is None else "service account"
    by = f"by permission {', '.join(account.by)}" if account.by else ""
    answer = {"yes": "", "reduced": "reduced response", "unknown": "not certain: kcproxy doctor, or try it"}[account.answer]
    return (account.client_id or account.username, kind, by, answer)
