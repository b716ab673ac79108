"""The tools that can be tried."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module

from tools.use.trial import Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One tool. The functions import it only when they are called, because some tools are large and not installed everywhere."""

    name: str
    version: Callable[[], str]
    trials: Callable[[], Iterable[Trial]]
    not_run: Callable[[], Mapping[str, str]]


def tool(name: str) -> Tool:
    """A tool by its name. Raises ImportError if its library is not installed, KeyError if there is no such tool."""
    it = import_module(f"tools.use.{_MODULES[name]}")
    return Tool(name=name, version=it.library_version, trials=it.trials, not_run=it.not_run)


_MODULES: Mapping[str, str] = {
    "python-keycloak": "python_keycloak",
    "python-keycloak-async": "python_keycloak_async",
    "ansible": "ansible",
    "kcadm": "kcadm",
    "gocloak": "gocloak",
    "javascript": "javascript",
}
NAMES = tuple(_MODULES)
