"""python-keycloak: the asynchronous twin ``a_…`` of every method of KeycloakAdmin, with the same arguments."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from keycloak import KeycloakAdmin

from tools.use import python_keycloak
from tools.use.python_keycloak import library_version
from tools.use.trial import Target, Trial

__all__ = ["library_version", "not_run", "trials"]


def twin(name: str) -> str:
    """The name of the asynchronous method."""
    return f"a_{name}"


def not_run() -> dict[str, str]:
    """Methods that are not tried, with the reason."""
    return {twin(name): reason for name, reason in python_keycloak.not_run().items() if hasattr(KeycloakAdmin, twin(name))}


def trials() -> Iterator[Trial]:
    """All methods that have a twin, in the order in which they are called."""
    for trial in python_keycloak.trials():
        if hasattr(KeycloakAdmin, twin(trial.name)):
            yield replace(trial, name=twin(trial.name), run=partial(_call, trial.name))


def _call(name: str, target: Target) -> object:
    return asyncio.run(_awaited(name, target))


async def _awaited(name: str, target: Target) -> object:
    admin = python_keycloak.client(target)
    with python_keycloak.failures():
        return python_keycloak.plain(await getattr(admin, twin(name))(**python_keycloak.arguments(name, target.made)))
