"""UsersResource and UserResource: users and their objects, without roles."""

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from msgspec.structs import replace

from kcproxy.simulator import represent
from kcproxy.simulator.call import NO_CONTENT, Call, Play, Refusal, Reply, listed
from kcproxy.simulator.state import User

_SEARCHED = ("username", "email", "firstName", "lastName")
_KNOWN = frozenset(
    {
        *(
            "id",
            "username",
            "firstName",
            "lastName",
            "email",
            "emailVerified",
            "attributes",
            "enabled",
            "self",
            "origin",
            "createdTimestamp",
        ),
        *("totp", "federationLink", "serviceAccountClientId", "credentials", "disableableCredentialTypes", "requiredActions", "notBefore"),
        *("federatedIdentities", "realmRoles", "clientRoles", "clientConsents", "groups", "access", "userProfileMetadata"),
        *("applicationRoles", "socialLinks"),
    }
)
"""Members of UserRepresentation. Others lead to a 400."""


def list_users(call: Call) -> Reply:
    """UsersResource#getUsers."""
    found = call.page(sorted(_found(call), key=lambda user: user.username))
    brief, dialect = call.flag("briefRepresentation"), call.world.dialect
    access = represent.listed_user_access(call.roles, dialect)
    return listed([represent.user(user, dialect, brief=brief, access=access) for user in found])


def count_users(call: Call) -> Reply:
    """UsersResource#getUsersCount."""
    return listed(len(_found(replace(call, query={k: v for k, v in call.query.items() if k not in {"first", "max"}}))))


def _found(call: Call) -> list[User]:
    """The users that the query names. Service accounts show only if a search names members, as in Keycloak."""
    tests: list[Callable[[User], bool]] = []
    if "search" in call.query:
        tests.append(lambda user: _search(user, call.one("search")))
    wanted = [name for name in _SEARCHED if name in call.query]
    tests += [_member_test(name, call.one(name).lower(), exact=call.flag("exact")) for name in wanted]
    if "enabled" in call.query:
        tests.append(lambda user: user.enabled is call.flag("enabled"))
    by_member = "search" not in call.query and (wanted or "enabled" in call.query)
    people = [user for user in call.realm.users.values() if by_member or user.service_account_of is None]
    return [user for user in people if all(test(user) for test in tests)]


def _member_test(name: str, wanted: str, *, exact: bool) -> Callable[[User], bool]:
    def test(user: User) -> bool:
        value = (_members(user)[name] or "").lower()
        return value == wanted if exact else wanted in value

    return test


def _members(user: User) -> dict[str, str | None]:
    return {"username": user.username, "email": user.email, "firstName": user.first_name, "lastName": user.last_name}


def _search(user: User, text: str) -> bool:
    if text.startswith("id:"):
        return user.id == text.removeprefix("id:").strip()
    wanted = text.lower()
    if len(wanted) > 1 and wanted[0] == wanted[-1] == '"':
        return wanted[1:-1] in _members(user).values()
    pattern = wanted if "*" in wanted else f"{wanted}*"  # a word alone is a prefix
    return any(fnmatchcase((value or "").lower(), pattern) for value in _members(user).values())


def create_user(call: Call) -> Reply:
    """UsersResource#createUser."""
    fields = _checked(call.fields())
    username = str(fields.get("username") or "").strip()
    if not username:
        raise Refusal(400, message="User name is missing")
    _require_free(call, username, fields.get("email"), None)
    user = call.world.add_user(call.realm, username, now_seconds=call.now_seconds)
    _take(user, {"enabled": False} | dict(fields), call)
    user.groups.extend(group for group in call.realm.all_groups() if group.path in fields.get("groups", ()))
    return Reply(status=201, at=call.created("users", user.id))


def _checked(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    for name in fields:
        if name not in _KNOWN:
            raise Refusal(400, f'Invalid json representation for UserRepresentation. Unrecognized field "{name}".')
    return fields


def _require_free(call: Call, username: str, email: Any, own: User | None) -> None:
    others = [user for user in call.realm.users.values() if user is not own]
    if email and any(user.email == str(email).lower() for user in others):
        raise Refusal(409, message="User exists with same email")
    if any(user.username == username.lower() for user in others):
        raise Refusal(409, message="User exists with same username")


def _take(user: User, fields: Mapping[str, Any], call: Call) -> None:
    """Set the members that are present. Attributes outside the user profile are dropped, as Keycloak does by default."""
    user.first_name = fields.get("firstName", user.first_name)
    user.last_name = fields.get("lastName", user.last_name)
    email = fields.get("email", user.email)
    user.email = str(email).lower() if email else None
    user.email_verified = bool(fields.get("emailVerified", user.email_verified))
    user.enabled = bool(fields.get("enabled", user.enabled))
    user.required_actions = list(fields.get("requiredActions") or user.required_actions)
    for credential in fields.get("credentials") or ():
        _set_password(user, credential, call)


def get_user(call: Call) -> Reply:
    """UserResource#getUser."""
    dialect = call.world.dialect
    return listed(represent.user(call.user(), dialect, access=represent.user_access(call.roles, dialect)))


def update_user(call: Call) -> Reply:
    """UserResource#updateUser."""
    user, fields = call.user(), _checked(call.fields())
    _require_free(call, user.username, fields.get("email"), user)
    if "attributes" in fields:  # then the whole profile is replaced, and missing members are removed
        fields = {"firstName": None, "lastName": None, "email": None} | dict(fields)
    _take(user, fields, call)
    return NO_CONTENT


def delete_user(call: Call) -> Reply:
    """UserResource#deleteUser."""
    call.world.remove_user(call.realm, call.user())
    return NO_CONTENT


def user_groups(call: Call) -> Reply:
    """UserResource#groupMembership."""
    groups = call.page(sorted(call.user().groups, key=lambda group: group.path))
    full = not call.flag("briefRepresentation", default=True)
    return listed([represent.group(group, full=full, count=False) for group in groups])


def count_user_groups(call: Call) -> Reply:
    """UserResource#getUserGroupsCount."""
    return listed({"count": len(call.user().groups)})


def join_group(call: Call) -> Reply:
    """UserResource#joinGroup."""
    user, group = call.user(), _group(call)
    if group not in user.groups:
        user.groups.append(group)
    return NO_CONTENT


def leave_group(call: Call) -> Reply:
    """UserResource#removeMembership."""
    user, group = call.user(), _group(call)
    if group in user.groups:
        user.groups.remove(group)
    return NO_CONTENT


def _group(call: Call) -> Any:
    group = call.realm.group(call.values[1])
    if group is None:
        raise Refusal(404, "Group not found")
    return group


def list_credentials(call: Call) -> Reply:
    """UserResource#credentials."""
    user = call.user()
    if user.password is None:
        return listed([])
    return listed([{"id": user.password_id, "type": "password", "createdDate": user.password_milliseconds, "credentialData": "{}"}])


def delete_credential(call: Call) -> Reply:
    """UserResource#removeCredential."""
    user = call.user()
    if user.password is None or user.password_id != call.values[1]:
        raise Refusal(404, "Credential not found")
    user.password = None
    return NO_CONTENT


def reset_password(call: Call) -> Reply:
    """UserResource#resetPassword."""
    user, credential = call.user(), call.fields()
    if credential.get("type", "password") != "password":
        raise Refusal(404, "Credential not found")
    if not credential.get("value"):
        raise Refusal(400, "Empty password not allowed")
    _set_password(user, credential, call)
    return NO_CONTENT


def _set_password(user: User, credential: Mapping[str, Any], call: Call) -> None:
    user.password = str(credential.get("value", ""))
    user.password_milliseconds = int(call.now_seconds * 1000)
    if credential.get("temporary") and "UPDATE_PASSWORD" not in user.required_actions:
        user.required_actions.append("UPDATE_PASSWORD")


def logout(call: Call) -> Reply:
    """UserResource#logout: ends the sessions and their tokens."""
    user = call.user()
    user.not_before_seconds = int(call.now_seconds)
    for session in [session for session in call.realm.sessions.values() if session.user is user]:
        del call.realm.sessions[session.id]
    return NO_CONTENT


def list_sessions(call: Call) -> Reply:
    """UserResource#getSessions."""
    user = call.user()
    return listed([represent.session(session) for session in call.realm.sessions.values() if session.user is user])


def list_nothing(call: Call) -> Reply:
    """Consents, federated identities, storage credential types, offline sessions: always empty."""
    call.user()
    return listed([])


def unmanaged_attributes(call: Call) -> Reply:
    """UserResource#getUnmanagedAttributes; not in 24."""
    if not call.world.dialect.live_grants:
        raise Refusal(404, "HTTP 404 Not Found")
    call.user()
    return listed({})


_USER = "/admin/realms/{}/users/{}"
PLAYS: Mapping[str, Play] = {
    "GET /admin/realms/{}/users": list_users,
    "POST /admin/realms/{}/users": create_user,
    "GET /admin/realms/{}/users/count": count_users,
    f"GET {_USER}": get_user,
    f"PUT {_USER}": update_user,
    f"DELETE {_USER}": delete_user,
    f"GET {_USER}/groups": user_groups,
    f"GET {_USER}/groups/count": count_user_groups,
    f"PUT {_USER}/groups/{{}}": join_group,
    f"DELETE {_USER}/groups/{{}}": leave_group,
    f"GET {_USER}/credentials": list_credentials,
    f"DELETE {_USER}/credentials/{{}}": delete_credential,
    f"PUT {_USER}/reset-password": reset_password,
    f"POST {_USER}/logout": logout,
    f"GET {_USER}/sessions": list_sessions,
    f"GET {_USER}/offline-sessions/{{}}": list_nothing,
    f"GET {_USER}/consents": list_nothing,
    f"GET {_USER}/federated-identity": list_nothing,
    f"GET {_USER}/configured-user-storage-credential-types": list_nothing,
    f"GET {_USER}/unmanagedAttributes": unmanaged_attributes,
}
