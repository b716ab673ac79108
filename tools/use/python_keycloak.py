"""python-keycloak: every method of KeycloakAdmin, with arguments that make it succeed."""

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from typing import Any

from keycloak import KeycloakAdmin
from keycloak.exceptions import KeycloakError

from tools.use.arguments import BY_METHOD, BY_PARAMETER, LATE, NOT_RUN
from tools.use.realm import CALLER, REALM, SECRET
from tools.use.stage import Made
from tools.use.trial import Target, Trial, UseFailed

NAME = "python-keycloak"
_UNSTABLE: Mapping[str, frozenset[str]] = {
    "generate_client_secrets": frozenset({"value"}),
    "get_client_certificate_key_info": frozenset({"certificate"}),
    "get_events": frozenset({"scope", "sessionId"}),
    "get_keys": frozenset({"active", "certificate", "kid", "publicKey", "validTo"}),
    "get_server_info": frozenset({"cpuInfo", "memoryInfo", "systemInfo"}),
    "get_sessions": frozenset({"id"}),
    "get_client_all_sessions": frozenset({"id"}),
    "upload_certificate": frozenset({"certificate"}),
}
"""Members of results that differ from run to run."""


def library_version() -> str:
    """The installed version."""
    return version(NAME)


def not_run() -> Mapping[str, str]:
    """Methods that are not tried, with the reason."""
    return NOT_RUN


def methods() -> list[str]:
    """The public methods that call Keycloak, without the ``a_`` variants (see ``python_keycloak_async``): reads first, deletions last."""
    found = [name for name, _ in inspect.getmembers(KeycloakAdmin, inspect.isfunction) if not name.startswith(("_", "a_"))]
    return sorted((name for name in found if name not in NOT_RUN), key=lambda name: (_turn(name), name))


def _turn(name: str) -> int:
    """When a method is called: what reads, adds, changes, removes parts, removes objects."""
    if name in LATE:
        return 10 + LATE.index(name)
    first = name.partition("_")[0]
    kinds = (
        {"get", "users", "user"},
        {"create", "import"},
        {"add", "assign"},
        {"update", "set"},
        set[str](),
        {"delete", "remove", "revoke"},
    )
    if name == "user_logout":
        return 6
    return next((turn for turn, words in enumerate(kinds) if first in words), 4)


def trials() -> Iterator[Trial]:
    """All methods, in the order in which they are called."""
    for name in methods():
        yield Trial(name=name, run=partial(_call, name), hidden=frozenset(_UNSTABLE.get(name, ())))


def _call(name: str, target: Target) -> Any:
    with failures():
        return plain(getattr(client(target), name)(**arguments(name, target.made)))


def client(target: Target) -> KeycloakAdmin:
    """The library's client for a target. It fetches its token with the first call."""
    return KeycloakAdmin(
        server_url=target.url, realm_name=REALM, client_id=CALLER, client_secret_key=SECRET, timeout=60, user_realm_name=REALM
    )


def plain(found: object) -> object:
    """A result as JSON can hold it."""
    return found.decode() if isinstance(found, bytes) else found


@contextmanager
def failures() -> Iterator[None]:
    """Turns errors of the library into ``UseFailed``."""
    try:
        yield
    except KeycloakError as error:
        raise UseFailed(_error(error)) from error


def _error(error: KeycloakError) -> str:
    """Kind and status of an error, with Keycloak's words. The body of a success can have a token, so it is left out."""
    status, message = error.response_code or 0, error.error_message
    words = message.decode(errors="replace") if isinstance(message, bytes) else str(message)
    return f"{type(error).__name__} {status}" + (f" {words}" if status >= 400 else "")


def arguments(name: str, made: Made) -> dict[str, Any]:
    """The arguments of a method. Raises KeyError for a parameter that the tables do not have."""
    own = BY_METHOD.get(name, {})
    parameters = inspect.signature(getattr(KeycloakAdmin, name)).parameters.values()
    needed = [each.name for each in parameters if each.name != "self" and each.default is each.empty and each.kind != each.VAR_KEYWORD]
    values = {parameter: own[parameter] if parameter in own else BY_PARAMETER[parameter] for parameter in {*needed, *own}}
    return {parameter: value(made) if callable(value) else value for parameter, value in values.items()}
