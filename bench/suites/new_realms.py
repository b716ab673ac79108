"""Keeps a user to their set in the realms that they make: Keycloak gives the creator of a realm nearly all roles of the client `{realm}-realm`."""

import threading
import time
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus

from bench.suites.accounts import Master

_WATCH_SECONDS = 0.1
_TOKEN_SECONDS = 30.0
"""Half the lifespan of a token of realm master."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """The ``roles`` that a user (an ID) may have in new realms. ``before``: the clients of the realms that were there before."""

    user: str
    roles: frozenset[str]
    before: frozenset[str]


@contextmanager
def kept_to(limit: Limit, master: Master) -> Iterator[None]:
    """While the context lasts, take all other roles of new realms from the user, a tenth of a second after they came.

    ``master``: another administrator. Raises what a call raises.
    """
    done, problems = threading.Event(), list[Exception]()
    watching = threading.Thread(target=_watch, args=(limit, master, done, problems))
    watching.start()
    try:
        yield
    finally:
        done.set()
        watching.join()
    if problems:
        raise problems[0]


def _watch(limit: Limit, master: Master, done: threading.Event, problems: list[Exception]) -> None:
    expires = 0.0
    try:
        while not done.wait(_WATCH_SECONDS):
            if time.monotonic() >= expires:
                master.keep_token()
                expires = time.monotonic() + _TOKEN_SECONDS
            take_others(limit, master)
    except Exception as error:  # noqa: BLE001 - the caller raises it
        problems.append(error)


def take_others(limit: Limit, master: Master) -> None:
    """Take the roles of new realms that are not in the limit."""
    held = master.call("GET", f"/master/users/{limit.user}/role-mappings")
    for client, mapped in held.get("clientMappings", {}).items():
        others = [role for role in mapped["mappings"] if role["name"] not in limit.roles]
        if client in limit.before or not others:
            continue
        try:
            master.call("DELETE", f"/master/users/{limit.user}/role-mappings/clients/{mapped['id']}", others)
        except urllib.error.HTTPError as error:  # the suite deletes its realm at the same time
            with error:
                if error.code != HTTPStatus.NOT_FOUND:
                    raise
