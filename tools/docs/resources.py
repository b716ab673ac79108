"""Operations by resource: the headings of the pages."""

from collections.abc import Iterable

from kcproxy.catalog import Entry

_REALM = "/admin/realms/{realm}"
_PARTS = {
    "role-mappings": "role mappings",
    "scope-mappings": "scope mappings",
    "protocol-mappers": "protocol mappers",
    "authz": "authorization services",
}
"""Sub-resources with their own heading in every path."""
_TITLES = {
    "": "The realm itself",
    "admin-events": "Events",
    "admin-ui": "Calls of the admin console",
    "attack-detection": "Brute force detection",
    "authentication": "Authentication flows",
    "client-description-converter": "Clients",
    "client-registration-policy": "Client registration policies",
    "client-session-stats": "Sessions and revocation",
    "client-templates": "Client scopes (old name)",
    "clients-initial-access": "Initial access tokens of clients",
    "components": "Components (user federation, key providers)",
    "credential-registrators": "Authentication flows",
    "default-default-client-scopes": "Default client scopes",
    "default-optional-client-scopes": "Default client scopes",
    "group-by-path": "Groups",
    "identity-provider": "Identity providers",
    "keys": "Keys of the realm",
    "ldap-server-capabilities": "Connection tests",
    "logout-all": "Sessions and revocation",
    "partial-export": "Export and import",
    "partialImport": "Export and import",
    "push-revocation": "Sessions and revocation",
    "roles-by-id": "Roles by id",
    "sessions": "Sessions and revocation",
    "ssf": "Shared signals (SSF)",
    "testLDAPConnection": "Connection tests",
    "testSMTPConnection": "Connection tests",
    "ui-ext": "Calls of the admin console",
    "user-storage": "Components (user federation, key providers)",
    "users-management-permissions": "Users",
}
_CACHES = "Caches"
SERVER = "The server and its realms"
_NEWER = "The newer API below /admin/api"


def title_of(entry: Entry) -> str:
    """The heading of an operation."""
    return title_of_path(entry.operation.path)


def title_of_path(path: str) -> str:
    """The heading of a path template."""
    if not path.startswith(_REALM):
        return _NEWER if path.startswith("/admin/api/") else SERVER
    literals = [part for part in path.removeprefix(_REALM).strip("/").split("/") if part and not part.startswith("{")]
    first = literals[0] if literals else ""
    title = _CACHES if first.startswith("clear-") else _TITLES.get(first) or first.replace("-", " ").capitalize()
    part = next((_PARTS[literal] for literal in literals[1:] if literal in _PARTS), None)
    return f"{title}: {part}" if part else title


def by_resource(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """Operations by heading; headings sorted, the server last."""
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(title_of(entry), []).append(entry)
    return {title: groups[title] for title in sorted(groups, key=order)}


def order(title: str) -> tuple[bool, str]:
    """The sort key of headings: the server last."""
    return title == SERVER, title.lower()


def anchor(title: str) -> str:
    """The fragment that Markdown renderers generate for a heading."""
    kept = (character for character in title.lower().replace(" ", "-") if character.isalnum() or character in "-_")
    return "".join(kept)
