"""All realms of one simulated server, and the changes that touch more than one record."""

import secrets
import string
from collections.abc import Iterable, Mapping

from kcproxy.simulator.dialect import Dialect
from kcproxy.simulator.state import LIGHTWEIGHT_CLIENTS, MASTER, REALM_ADMIN, REALM_MANAGEMENT, Client, Realm, Role, User

_ACCOUNT_ROLES = ("view-profile", "manage-account-links", "view-applications", "view-consent", "delete-account", "view-groups")
_SECRET_ALPHABET = string.ascii_letters + string.digits


class World:
    """All realms, master first. ``admin_roles`` are the client roles of realm-management: role to all roles that it contains."""

    def __init__(self, dialect: Dialect, admin_roles: Mapping[str, frozenset[str]]) -> None:
        """A server after its first start: only master, before its administrator is created."""
        self.dialect = dialect
        self.admin_roles = admin_roles
        self.realms: dict[str, Realm] = {}
        self.new_realm(MASTER)

    def new_realm(self, name: str) -> Realm:
        """A realm with its built-in clients and roles, and its ``{realm}-realm`` client in master."""
        realm = Realm(name=name, token_seconds=60 if name == MASTER else 300)
        self.realms[name] = realm
        self._add_realm_roles(realm)
        for client_id in ("account", "account-console", "admin-cli", "broker", "security-admin-console"):
            self._add_built_in(realm, client_id)
        self._add_account_roles(realm)
        self._add_default_role(realm)
        if name == MASTER:
            self._add_master_roles(realm)
        else:
            self._add_admin_roles(realm, self._add_built_in(realm, REALM_MANAGEMENT))
        master = self.realms[MASTER]
        owner = self._add_built_in(master, f"{name}-realm")
        self._add_admin_roles(master, owner)
        master.roles["admin"].composites.extend(owner.roles.values())
        return realm

    def remove_realm(self, realm: Realm) -> None:
        """Delete the realm and its client in master, with all grants of its roles."""
        del self.realms[realm.name]
        master = self.realms[MASTER]
        owner = master.client(f"{realm.name}-realm")
        if owner is not None:
            self.remove_client(master, owner)

    def remove_client(self, realm: Realm, client: Client) -> None:
        """Delete the client with its roles, all their grants, and its service account."""
        del realm.clients[client.id]
        for role in list(client.roles.values()):
            self.remove_role(realm, role)
        account = realm.service_account(client)
        if account is not None:
            self.remove_user(realm, account)

    def remove_role(self, realm: Realm, role: Role) -> None:
        """Delete the role from its container and from every grant, scope and composite."""
        (role.client.roles if role.client else realm.roles).pop(role.name, None)
        holders: list[list[Role]] = [other.composites for other in realm.all_roles()]
        holders += [user.roles for user in realm.users.values()]
        holders += [group.roles for group in realm.all_groups()]
        holders += [client.scope for client in realm.clients.values()]
        for holder in holders:
            if role in holder:
                holder.remove(role)

    def remove_user(self, realm: Realm, user: User) -> None:
        """The user and their sessions."""
        del realm.users[user.id]
        for session in [session for session in realm.sessions.values() if session.user is user]:
            del realm.sessions[session.id]

    def add_user(self, realm: Realm, username: str, *, now_seconds: float, service_account_of: str | None = None) -> User:
        """A user with the realm's default role and default groups."""
        user = User(username=username.lower(), created_milliseconds=int(now_seconds * 1000), service_account_of=service_account_of)
        user.roles.append(realm.default_role)
        user.groups.extend(realm.default_groups)
        realm.users[user.id] = user
        return user

    def add_service_account(self, realm: Realm, client: Client, *, now_seconds: float) -> User:
        """The user behind a client."""
        name = f"service-account-{client.client_id}"
        return self.add_user(realm, name, now_seconds=now_seconds, service_account_of=client.id)

    def new_secret(self) -> str:
        """A client secret of this version's length."""
        return "".join(secrets.choice(_SECRET_ALPHABET) for _ in range(self.dialect.secret_length))

    def _add_realm_roles(self, realm: Realm) -> None:
        for name, label in (("uma_authorization", "uma_authorization"), ("offline_access", "offline-access")):
            realm.roles[name] = Role(name=name, container_id=realm.id, description=f"${{role_{label}}}")

    def _add_master_roles(self, realm: Realm) -> None:
        realm.roles["create-realm"] = Role(name="create-realm", container_id=realm.id, description="${role_create-realm}")
        admin = Role(name="admin", container_id=realm.id, description="${role_admin}", composites=[realm.roles["create-realm"]])
        realm.roles["admin"] = admin

    def _add_default_role(self, realm: Realm) -> None:
        name = f"default-roles-{realm.name.lower()}"
        account = realm.client("account")
        parts = [realm.roles["offline_access"], realm.roles["uma_authorization"]]
        if account is not None:
            parts += [account.roles["manage-account"], account.roles["view-profile"]]
        realm.roles[name] = Role(name=name, container_id=realm.id, description="${role_default-roles}", composites=parts)

    def _add_account_roles(self, realm: Realm) -> None:
        account = realm.client("account")
        if account is None:
            return
        for name in _ACCOUNT_ROLES:
            account.roles[name] = client_role(account, name)
        for name, part in (("manage-account", "manage-account-links"), ("manage-consent", "view-consent")):
            account.roles[name] = client_role(account, name, [account.roles[part]])

    def _add_built_in(self, realm: Realm, client_id: str) -> Client:
        bearer_only = client_id in {REALM_MANAGEMENT, "broker"} or client_id.endswith("-realm")
        client = Client(
            client_id=client_id,
            built_in=True,
            bearer_only=bearer_only,
            public=not bearer_only,
            direct_access=client_id == "admin-cli",
            standard_flow=client_id != "admin-cli",
            full_scope=client_id in LIGHTWEIGHT_CLIENTS,
        )
        client.fields["name"] = (
            f"${{client_{client_id}}}" if not client_id.endswith("-realm") else f"{client_id.removesuffix('-realm')} Realm"
        )
        realm.clients[client.id] = client
        return client

    def _add_admin_roles(self, realm: Realm, owner: Client) -> None:
        for name in self.admin_roles:
            if name == REALM_ADMIN and realm.name == MASTER:  # the clients in master have none: the realm role admin replaces it
                continue
            owner.roles[name] = client_role(owner, name)
        for name, role in owner.roles.items():
            role.composites = [owner.roles[part] for part in sorted(self.admin_roles[name]) if part != name and part in owner.roles]


def client_role(client: Client, name: str, composites: Iterable[Role] = ()) -> Role:
    """A built-in role of a built-in client."""
    return Role(name=name, container_id=client.id, client=client, description=f"${{role_{name}}}", composites=list(composites))
