"""kcproxy: a proxy in front of Keycloak's Admin REST API that explains every refusal, with the least-privilege fix.

The names in ``__all__`` are the public Python interface (docs/python.md). Importing this package loads nothing else of it.
"""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

# First of all: importing a subpackage sets it as an attribute of this package once, and ``explain`` is a function below.
import kcproxy.explain  # noqa: F401 - for its effect

if TYPE_CHECKING:
    from kcproxy.catalog import Catalog
    from kcproxy.model import Explanation

__version__ = "0.1.0"
__all__ = ["__version__", "explain", "explanation_document", "load_catalog"]


def load_catalog(keycloak_version: str | None = None) -> "Catalog":
    """The measured table of required roles for a Keycloak version, such as ``26.7.4``.

    A version without a table gets the nearest one; None gets the newest measured one. Takes about 50 ms: keep the result.
    """
    from kcproxy import catalog  # noqa: PLC0415 - on use, so that importing this package stays cheap

    return catalog.catalog_for(keycloak_version)


def explain(
    method: str,
    url: str,
    *,
    status: int,
    catalog: "Catalog",
    body: Mapping[str, Any] | str | bytes | None = None,
    authorization: str | None = None,
    response_headers: Mapping[str, str] | None = None,
    request_headers: Mapping[str, str] | None = None,
    request_body: Any = None,
    keycloak_version: str | None = None,
    now_epoch_seconds: float | None = None,
) -> "Explanation | None":
    """Why Keycloak refused a request, how sure that is, and the least-privilege fix. Offline: contacts nobody.

    ``url``: the URL of the request, or its path and query. ``status``, ``body``, ``response_headers``: Keycloak's response. ``authorization``:
    the value of the request's Authorization field; the token is read, its signature is not verified. ``request_body``: parsed JSON.
    ``keycloak_version``: of the server, if it is known.

    None for every response that is a success, or that no rule applies to. Raises ValueError if the URL cannot be read.
    """
    from kcproxy.explain.library import explain_response  # noqa: PLC0415 - as above

    return explain_response(
        method,
        url,
        status=status,
        catalog=catalog,
        body=body,
        authorization=authorization,
        response_headers=response_headers or {},
        request_headers=request_headers or {},
        request_body=request_body,
        keycloak_version=keycloak_version,
        now_epoch_seconds=time.time() if now_epoch_seconds is None else now_epoch_seconds,
    )


def explanation_document(explanation: "Explanation") -> dict[str, Any]:
    """An explanation as the JSON object that the proxy adds to a refusal (docs/explanation.md)."""
    from kcproxy.explain import render  # noqa: PLC0415 - as above

    return render.document(explanation)
