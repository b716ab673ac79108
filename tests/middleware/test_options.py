"""Wrong options are refused when a client is made, with their name, what is wrong and what to write."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from kcproxy.middleware import Inspector, RefusalExplainer, ServiceAccount
from kcproxy.middleware.aiohttp import ExplainingMiddleware
from kcproxy.middleware.httpx import AsyncExplainingTransport, ExplainingTransport
from kcproxy.middleware.requests import ExplainingAdapter

URL = "https://login.example.com"


async def coroutine(_: object) -> None:
    """A callback that nothing awaits."""


class Awaited:
    async def __call__(self, _: object) -> None:
        """The same as an object."""


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a version that is none": ({"keycloak_version": "latest"}, "keycloak_version is not a version of Keycloak: 'latest'"),
    "a version that is a number": ({"keycloak_version": 26.7}, "keycloak_version"),
    "an unknown detail": ({"detail": "roles"}, "detail is not one of full, role, reference: 'roles'"),
    "a limit of nothing": ({"max_body_bytes": 0}, "max_body_bytes is not a positive number"),
    "a limit in words": ({"max_body_bytes": "64k"}, "max_body_bytes is not a positive number"),
    "a switch in words": ({"public_documents": "no", "base_url": URL}, "public_documents is neither True nor False"),
    "a link without a scheme": ({"console_url": "login.example.com"}, "console_url is not an http or https URL"),
    "documents without a host": ({"docs_url": "https://"}, "docs_url is not an http or https URL"),
    "an inspector that is an account": (
        {"inspector": ServiceAccount(realm="shop", client_id="a", client_secret="b"), "base_url": URL},
        "inspector is not an Inspector",
    ),
    "metrics that are no registry": ({"metrics": True}, "metrics is not a registry"),
    "a callback that is no function": ({"on_denial": "print"}, "on_denial is not callable"),
    "a callback to be awaited": ({"on_denial": coroutine}, "on_denial is a coroutine function"),
    "a callable object to be awaited": ({"on_denial": Awaited()}, "on_denial is a coroutine function"),
    "an address without a scheme": ({"base_url": "login.example.com"}, "base_url is not an http or https URL"),
    "an address with a realm": ({"base_url": f"{URL}/auth/realms/shop"}, "leave /realms/shop out"),
    "an address with the API": ({"base_url": f"{URL}/admin/"}, "leave /admin/ out"),
    "an address with a port that is none": ({"base_url": f"{URL}:99999"}, "base_url has a port"),
}


@pytest.mark.parametrize("preload", [True, False])
@pytest.mark.parametrize("what", list(WRONG))
def test_a_wrong_value_is_refused_when_the_client_is_made(what: str, preload: bool) -> None:
    options, message = WRONG[what]
    with pytest.raises(ValueError, match=message):
        RefusalExplainer(**options, preload=preload)


def test_every_wrong_value_is_named_at_once() -> None:
    with pytest.raises(ValueError, match=r"detail is not .* max_body_bytes is not"):
        RefusalExplainer(detail="all", max_body_bytes=-1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "hint"), [("baseurl", "Did you mean base_url"), ("version", "version"), ("xyzzy", "The options are base_url")]
)
def test_an_unknown_option_is_refused_with_the_nearest_one(name: str, hint: str) -> None:
    with pytest.raises(TypeError, match=f"{name} is not an option of the middleware.*{hint}"):
        RefusalExplainer(**{name: URL})  # type: ignore[arg-type]


@pytest.mark.parametrize("client", [ExplainingTransport, AsyncExplainingTransport, ExplainingAdapter, ExplainingMiddleware])
def test_options_beside_an_explainer_are_refused_because_it_would_ignore_them(client: Any) -> None:
    with pytest.raises(TypeError, match="base_url would have no effect"):
        client(explainer=RefusalExplainer(preload=False), base_url=URL)


def test_values_of_every_kind_are_accepted() -> None:
    RefusalExplainer(
        base_url="https://login.example.com/realms-of-ours/",
        keycloak_version="26.7",
        public_documents=True,
        on_denial=print,
        metrics=CollectorRegistry(),
        detail="role",
        console_url="https://login.example.com/auth",
        docs_url=None,
        require_audience=None,
        max_body_bytes=1,
        preload=False,
    ).close()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"realms": "shop"}, r"realms is not a tuple of names: 'shop'. Example: \('shop',\)"),
        ({"scopes": "openid"}, "scopes is not a tuple of names"),
        ({"realms": ("",)}, "realms has an empty name"),
        ({"budget_seconds": 0}, "budget_seconds of the inspector robot is not positive"),
        ({"max_lookups_per_second": -1}, "max_lookups_per_second"),
        ({"client_id": ""}, "client_id of a service account is empty"),
        ({"realm": ""}, "realm of a service account is empty"),
    ],
)
def test_a_wrong_inspector_is_refused_when_it_is_made(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Inspector(**({"client_id": "robot", "client_secret": "s"} | given))


def test_counters_that_are_there_already_say_how_to_share_them() -> None:
    registry = CollectorRegistry()
    RefusalExplainer(metrics=registry, preload=False)
    with pytest.raises(ValueError, match="pass it as explainer= to every client"):
        RefusalExplainer(metrics=registry, preload=False)
