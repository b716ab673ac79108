"""A session with kcadm.sh, command by command. `$name` is an id that an earlier command printed."""

import shlex
from dataclasses import dataclass, field
from string import Template


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One command line after `kcadm.sh`.

    ``keep``: the variable for its output. ``refused``: Keycloak refuses it with a bare 401 or 403, and the explanation contains these words.
    ``own_address``: the response contains Keycloak's own address. ``any_order``: the response is a set, ordered by ids.
    """

    line: str
    keep: str = ""
    refused: tuple[str, ...] = ()
    own_address: bool = False
    any_order: bool = False
    environment: dict[str, str] = field(default_factory=dict)

    def arguments(self, known: dict[str, str]) -> list[str]:
        """The arguments. Raises KeyError for an id that no earlier command printed."""
        return [Template(word).substitute(known) for word in shlex.split(self.line)]


FILES = {
    "client.json": '{"publicClient": false, "secret": "robot-secret", "serviceAccountsEnabled": true, "redirectUris": ["https://one.example.com/*"]}',
    "import.json": (
        '{"users": [{"username": "dora", "enabled": true}, {"username": "ann"}], "groups": [{"name": "Imported", "path": "/Imported"}],'
        ' "roles": {"realm": [{"name": "imported"}]}, "clients": [{"clientId": "imported"}]}'
    ),
}
"""The input of `-f`."""

_ADMINISTRATOR = "config credentials --server $url --realm master --user $admin"
_MISSING = "00000000-0000-4000-8000-000000000000"


def _steps(*lines: "str | Step") -> tuple[Step, ...]:
    return tuple(item if isinstance(item, Step) else Step(line=item) for item in lines)


REALM = _steps(
    _ADMINISTRATOR,
    "get realms/master --fields realm,enabled",
    "create realms -s realm=suite -s enabled=true -s 'displayName=Süß & <b>bold</b>'",
    "create realms -s realm=suite",
    "get realms/suite --fields realm,displayName,enabled,sslRequired",
    "update realms/suite -s registrationAllowed=true -s smtpServer.host=127.0.0.1 -s smtpServer.from=a@example.com -s 'attributes.\"suite.note\"=kept'",
    "get realms/suite --fields 'registrationAllowed,smtpServer(*),attributes(suite.note)'",
    "get realms/suite -H --fields realm",
    "get realms/missing",
    Step(line="get serverinfo --fields 'themes(login(name))'", any_order=True),
)
USERS = _steps(
    Step(
        line="create users -r suite -s username=ann -s email=ann@example.com -s firstName=Ann -s lastName=One -s enabled=true -i",
        keep="ann",
    ),
    Step(line="create users -r suite -s username=bob -s enabled=false -i", keep="bob"),
    "create users -r suite -s username=ann",
    'create users -r suite -H -b \'{"username": "carl", "enabled": true, "requiredActions": ["UPDATE_PASSWORD"]}\'',
    "create users -r suite -s username=eve -s email=eve@example.com -o --fields username,email,enabled",
    "get users -r suite --fields username,email",
    "get users -r suite -q username=ann -q exact=true --fields username,firstName",
    "get users -r suite -o 1 -l 2 --fields username",
    "get users -r suite --format csv --fields username,enabled,email",
    "get users -r suite --format csv --noquotes --fields username",
    "get users/count -r suite",
    "get users/$ann -r suite -c",
    "get users/$ann -r suite --fields '*,-id,-createdTimestamp'",
    "update users/$bob -r suite -s lastName=Other -s 'requiredActions=[\"UPDATE_PROFILE\"]'",
    "update users/$bob -r suite -d lastName",
    "get users/$bob -r suite --fields username,lastName,requiredActions",
    f"get users/{_MISSING} -r suite",
    "set-password -r suite --username ann",
    "set-password -r suite --userid $bob -t",
    "set-password -r suite --username nobody",
)
GROUPS_AND_ROLES = _steps(
    Step(line="create groups -r suite -s name=Teachers -i", keep="teachers"),
    "create groups/$teachers/children -r suite -s name=Primary -o --fields name,path",
    "create groups -r suite -s name=Teachers",
    "get groups -r suite --fields name,path,subGroupCount",
    "update users/$ann/groups/$teachers -r suite -s realm=suite -s userId=$ann -s groupId=$teachers -n",
    "get groups/$teachers/members -r suite --fields username",
    "get users/$ann/groups -r suite --fields name,path",
    "create roles -r suite -s name=keeper -s 'description=Keeps things' -o --fields name,description,composite",
    "create roles -r suite -s name=reader",
    "create roles -r suite -s name=reader",
    "add-roles -r suite --uusername ann --rolename keeper",
    "add-roles -r suite --gname Teachers --rolename reader",
    "add-roles -r suite --rname keeper --rolename reader",
    Step(line="get-roles -r suite --uusername ann --fields name", any_order=True),
    Step(line="get-roles -r suite --uusername ann --effective --fields name", any_order=True),
    "get-roles -r suite --gname Teachers --fields name",
    Step(line="get-roles -r suite --uusername bob --cclientid realm-management --available --fields name", any_order=True),
    "remove-roles -r suite --gname Teachers --rolename reader",
    'update roles/keeper -r suite -s \'attributes.note=["a", "b"]\'',
    "get roles/keeper -r suite --fields 'name,composite,attributes(*)'",
    "get roles/missing -r suite",
)
CLIENTS = _steps(
    Step(line="create clients -r suite -f client.json -s clientId=robot -i", keep="robot"),
    "get clients -r suite -q clientId=robot --fields 'clientId,redirectUris,secret,protocolMappers(name)'",
    "update clients/$robot -r suite -s 'redirectUris+=https://two.example.com/*' -s 'attributes.\"suite.note\"=kept'",
    Step(line="get clients/$robot -r suite --fields 'redirectUris,attributes(suite.note)'", any_order=True),
    "create clients/$robot/roles -r suite -s name=clerk",
    "get clients/$robot/service-account-user -r suite --fields username",
    "add-roles -r suite --uusername service-account-robot --cclientid realm-management --rolename view-users",
    Step(line="get clients/$robot/installation/providers/keycloak-oidc-keycloak-json -r suite", own_address=True),
)
THE_REST = _steps(
    "create components -r suite -s name=own -s providerId=hmac-generated -s providerType=org.keycloak.keys.KeyProvider -s 'config.priority=[\"150\"]'",
    "get components -r suite -q name=own --fields 'name,providerId,config(priority)'",
    "create components -r suite -s name=wrong -s providerId=no-such-provider -s providerType=org.keycloak.keys.KeyProvider",
    "create identity-provider/instances -r suite -s alias=other -s providerId=oidc -s config.clientId=x -s config.tokenUrl=https://other.example.com/t",
    "get identity-provider/instances/other -r suite --fields 'alias,providerId,config(clientId,tokenUrl)'",
    "create authentication/flows -r suite -s alias=own -s providerId=basic-flow -s topLevel=true -s builtIn=false",
    "update events/config -r suite -s eventsEnabled=true -s 'enabledEventTypes=[\"LOGIN\"]'",
    "create partialImport -r suite -f import.json -s ifResourceExists=SKIP -o --fields 'added,skipped,overwritten'",
    "create partialImport -r suite -f import.json -s ifResourceExists=FAIL",
    "get groups -r suite --format csv --fields name",
)
REFUSALS = _steps(
    "config credentials --server $url --realm suite --client robot",
    "get users -r suite --fields username",
    Step(line="get events -r suite", refused=("view-events",)),
    Step(line="create users -r suite -s username=zoe", refused=("manage-users",)),
    Step(line="delete users/$ann -r suite", refused=("manage-users",)),
    Step(
        line="config credentials --server $url --realm suite --client robot",
        environment={"KC_CLI_CLIENT_SECRET": "another"},
    ),
    "config credentials --server $url --realm missing --client robot",
    "config credentials --server $url --realm suite --user ann",
    Step(line="get clients -r suite", refused=("view-clients",)),
)
THE_END = _steps(
    _ADMINISTRATOR,
    "get users/$ann/sessions -r suite --fields username",
    "get client-session-stats -r suite --fields clientId,active",
    "create users/$ann/logout -r suite",
    "get users/$ann/sessions -r suite",
    "delete users/$bob -r suite",
    "delete users/$bob -r suite",
    "delete roles/keeper -r suite",
    "delete groups/$teachers -r suite",
    "delete clients/$robot -r suite",
    "delete realms/suite",
    "get realms/suite",
)

SESSION = (*REALM, *USERS, *GROUPS_AND_ROLES, *CLIENTS, *THE_REST, *REFUSALS, *THE_END)
"""The whole session."""

SHORT = tuple(
    step
    for step in SESSION
    if step in (REALM[0], REALM[2], REALM[7], REALM[8], USERS[0], USERS[2], CLIENTS[0], REFUSALS[0], REFUSALS[3], THE_END[0], THE_END[10])
)
"""A few commands of each kind that do not depend on others."""
