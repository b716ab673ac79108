"""docs/roles/index.md: the landing page for "which role is missing?"."""

from collections.abc import Iterator, Sequence

from kcproxy.catalog import Catalog
from kcproxy.cli.roles.text import least_text, others_text
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
"""The most common calls, in plain words. The roles come from the table; calls that it does not have are left out."""
_NAMED = 3
"""Number of alternatives in the index. The pages of the versions have all."""

_BASIS = {
    Basis.MEASURED: "measured on a running server",
    Basis.DOCUMENTED: "taken from the documentation",
    Basis.SOURCES: "read in the source code",
    Basis.UNKNOWN: "not known",
}
_WHY = """\
# Keycloak 403 Forbidden: which role does the Admin REST API call need?
"""
_ANSWER = """\
Keycloak responds with `403` and a body that names no role (`{"error":"HTTP 403 Forbidden"}`, in older versions `unknown_error`). The token is
valid, otherwise the response would be `401`. Its owner lacks a role of the client `realm-management`. These pages list the required role of every
operation, for each version.
"""
_CURE = """\
## How to grant it

To grant it to the service account of a client, use the admin console: **Clients** → the client → **Service account roles** → **Assign role** →
**Client roles** → the role, marked `realm-management` → **Assign**. On the command line:

```sh
kcadm.sh add-roles -r REALM --uusername service-account-CLIENT --cclientid realm-management --rolename view-users
```

For a user, the same is under **Users** → the user → **Role mapping**. If the account of the caller is in the realm `master`, the
same roles belong to the client `REALM-realm` there.

Keycloak 26.7 reads grants at each call, so the old token works at once. Older versions read them from the token, so the caller needs a new token. If
the role is granted and the call is still refused, the client may exclude it from its tokens: if *Full scope allowed* is off, also assign the role
under **Client scopes** → the dedicated scope → **Scope**.

Grant the least role. `realm-admin` allows everything, including the secrets of all clients and the keys of the realm. It is the least
role of hardly any call.
"""
_READING = """\
## How to read the tables

- **Least role**: the set with the least power that gets a useful response: the full one, or one that lacks only the fields in the next
  columns. Roles joined by **+** are all needed. Power is [what the roles can be turned into](powers.md), as measured.
- **Full response**: the roles for the full response, if it needs more.
- **Also enough**: other roles with the same full response. A role that contains one of these is not listed again.
- **Reduced response**: no 403, but less than `realm-admin` gets. A `200` with an empty list is a refusal in disguise.
- *any token of the realm*: no role is needed. *no role is enough*: not even `realm-admin` of the realm.
- **Special cases** need other roles because of a query parameter, the body, or the target of the call.

Each operation was called on a real server of that version, by callers with every single role, then with combinations. The responses were compared with
that of `realm-admin`. [The format of the tables](../catalog-format.md).
"""


def source(each: Catalog) -> Iterator[str]:
    """The size and the source of a table."""
    date, calls = each.provenance.get("date"), each.provenance.get("calls")
    how = f"{_BASIS[each.basis]}{f' on {date}' if date else ''}{f', with {calls:,} calls' if calls else ''}"
    renewed = each.provenance.get("renewed")
    if renewed:
        how += f"; {renewed['operations']} of them again on {renewed['date']}, with {renewed['calls']:,} calls"
    unknown = sum(entry.requirement.undetermined is not None for entry in each.operations)
    yield f"{len(each.operations)} operations, {how}." + (f" For {unknown} of them, the roles could not be determined." if unknown else "")


def index(tables: Sequence[Catalog], newest: Catalog) -> Iterator[str]:
    """The page. ``tables`` are newest first; examples are from ``newest``."""
    yield from (_WHY + GENERATED, "", _ANSWER)
    yield f"## Common calls, on Keycloak {newest.version}"
    yield ""
    yield from table(("To …", "Call", "Least role", "Also enough"), list(_asked(newest)))
    yield ""
    yield "## All operations"
    yield ""
    rows = [(f"[Keycloak {each.version}]({each.version}.md)", " ".join(source(each))) for each in tables]
    yield from table(("Version", "Content"), rows)
    yield ""
    yield "[What changed between versions](changes.md). [What each role can be turned into](powers.md). `kcproxy roles` shows the same offline: for one call `kcproxy roles GET /admin/…`,"
    yield "for all calls of a program `kcproxy roles --calls access.log`, and as JSON with `--json`."
    yield ""
    yield from (_CURE, _READING)


def _asked(newest: Catalog) -> Iterator[tuple[str, ...]]:
    for words, method, path in _ASKED:
        entry = newest.find(method, path)
        if entry is not None and entry.requirement.undetermined is None:
            need = entry.requirement
            yield words, code(f"{method} {path}"), f"**{least_text(need)}**", others_text(need, most=_NAMED).removeprefix("or ")
