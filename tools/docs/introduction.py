"""docs/roles/index.md: where somebody lands who looks for the role behind a 403."""

from collections.abc import Iterator, Sequence

from kcproxy.catalog import Catalog
from kcproxy.cli.roles_text import least_text, others_text
from kcproxy.model import Basis
from tools.docs.markdown import GENERATED, code, table

_ASKED = (
    ("read a user", "GET", "/admin/realms/{realm}/users/{user-id}"),
    ("search users", "GET", "/admin/realms/{realm}/users"),
    ("count users", "GET", "/admin/realms/{realm}/users/count"),
    ("create a user", "POST", "/admin/realms/{realm}/users"),
    ("change a user", "PUT", "/admin/realms/{realm}/users/{user-id}"),
    ("delete a user", "DELETE", "/admin/realms/{realm}/users/{user-id}"),
    ("set a password", "PUT", "/admin/realms/{realm}/users/{user-id}/reset-password"),
    ("send a verification mail", "PUT", "/admin/realms/{realm}/users/{user-id}/send-verify-email"),
    ("give a user a realm role", "POST", "/admin/realms/{realm}/users/{user-id}/role-mappings/realm"),
    ("give a user a client role", "POST", "/admin/realms/{realm}/users/{user-id}/role-mappings/clients/{client-id}"),
    ("put a user into a group", "PUT", "/admin/realms/{realm}/users/{user-id}/groups/{groupId}"),
    ("impersonate a user", "POST", "/admin/realms/{realm}/users/{user-id}/impersonation"),
    ("list groups", "GET", "/admin/realms/{realm}/groups"),
    ("create a group", "POST", "/admin/realms/{realm}/groups"),
    ("list clients", "GET", "/admin/realms/{realm}/clients"),
    ("create a client", "POST", "/admin/realms/{realm}/clients"),
    ("read a client's secret", "GET", "/admin/realms/{realm}/clients/{client-uuid}/client-secret"),
    ("list realm roles", "GET", "/admin/realms/{realm}/roles"),
    ("read the realm's settings", "GET", "/admin/realms/{realm}"),
    ("change the realm's settings", "PUT", "/admin/realms/{realm}"),
    ("read admin events", "GET", "/admin/realms/{realm}/admin-events"),
    ("create a realm", "POST", "/admin/realms"),
)
"""What is asked for most, in plain words; the roles come from the table, and what it does not have is left out."""
_NAMED = 3
"""How many alternatives stand in the index; the pages of the versions have all."""

_BASIS = {
    Basis.MEASURED: "measured on a running server",
    Basis.DOCUMENTED: "taken from the documentation",
    Basis.SOURCES: "read in the sources",
    Basis.UNKNOWN: "not known",
}
_WHY = """\
# Keycloak 403 Forbidden: which role does the Admin REST API call need?
"""
_ANSWER = """\
Keycloak answers `403` with a body that names no role (`{"error":"HTTP 403 Forbidden"}`, in older versions `unknown_error`). The token is
good, otherwise it would be `401`; its owner lacks a role of the client `realm-management`. These pages say which one, for every
operation and for each version on its own.
"""
_CURE = """\
## How to grant it

To the service account of a client, in the admin console: **Clients** → the client → **Service account roles** → **Assign role** →
**Client roles** → the role, marked `realm-management` → **Assign**. On the command line:

```sh
kcadm.sh add-roles -r REALM --uusername service-account-CLIENT --cclientid realm-management --rolename view-users
```

A user gets it in the same way under **Users** → the user → **Role mapping**. For callers whose account lives in the realm `master`, the
same roles belong to the client `REALM-realm` there.

Keycloak 26 reads grants at each call: the old token works at once. Keycloak 24 reads them from the token: a new token is needed. If
the role is granted and the call still refused, the client may keep it out of its tokens: with *Full scope allowed* off, the role also has
to be assigned under **Client scopes** → the dedicated scope → **Scope**.

Grant the least role. `realm-admin` opens everything, the secrets of all clients and the keys of the realm included, and is the least
role of hardly any call.
"""
_READING = """\
## How to read the tables

- **Least role**: the set with the least power that gets a useful answer: the full one, or one that lacks only the fields that the next
  columns name. Joined by **+**: all of them are needed. Power is [what the roles can be turned into](powers.md), as measured.
- **For everything**: what the full answer takes, where that is more.
- **Also enough**: other roles that give the same full answer. A role that contains one of these is not listed again.
- **Let in, but sees less**: no 403, but an emptier answer than `realm-admin` gets: a `200` with an empty list is a refusal in disguise.
- *any token of the realm*: no role is needed. *no role suffices*: not even `realm-admin` of the realm.
- **Special cases** need other roles because of a query parameter, of what the body holds, or of whom the call is aimed at.

How this was found out: each operation is called on a real server of that version by callers with every role on its own, then with
combinations, and the answers are compared with the one that `realm-admin` gets. [The format of the tables](../catalog-format.md).
"""


def source(each: Catalog) -> Iterator[str]:
    """What a table is and where it comes from."""
    date, calls = each.provenance.get("date"), each.provenance.get("calls")
    how = f"{_BASIS[each.basis]}{f' on {date}' if date else ''}{f', by {calls:,} calls' if calls else ''}"
    renewed = each.provenance.get("renewed")
    if renewed:
        how += f"; {renewed['operations']} of them again on {renewed['date']}, by {renewed['calls']:,} calls"
    unknown = sum(entry.requirement.undetermined is not None for entry in each.operations)
    yield f"{len(each.operations)} operations, {how}." + (f" Of {unknown} the need could not be determined." if unknown else "")


def index(tables: Sequence[Catalog], newest: Catalog) -> Iterator[str]:
    """The page; ``tables`` are newest first, ``newest`` is the one that examples are taken from."""
    yield from (_WHY + GENERATED, "", _ANSWER)
    yield f"## Asked most, on Keycloak {newest.version}"
    yield ""
    yield from table(("To …", "call", "least role", "also enough"), list(_asked(newest)))
    yield ""
    yield "## All operations"
    yield ""
    rows = [(f"[Keycloak {each.version}]({each.version}.md)", " ".join(source(each))) for each in tables]
    yield from table(("Version", "What is in it"), rows)
    yield ""
    yield "[What changed between versions](changes.md). [What each role can be turned into](powers.md). Offline the same comes from `kcproxy roles`, for one call `kcproxy roles GET /admin/…`,"
    yield "for all calls of a program `kcproxy roles --calls access.log`, as JSON with `--json`."
    yield ""
    yield from (_CURE, _READING)


def _asked(newest: Catalog) -> Iterator[tuple[str, ...]]:
    for words, method, path in _ASKED:
        entry = newest.find(method, path)
        if entry is not None and entry.requirement.undetermined is None:
            need = entry.requirement
            yield words, code(f"{method} {path}"), f"**{least_text(need)}**", others_text(need, most=_NAMED).removeprefix("or ")
