"""The health probe of a container: asks the admin port whether the proxy is ready. It uses only the standard library, so that it starts quickly."""

import http.client

from kcproxy.settings import AddressSettings

_SECONDS = 3.0
_MAX_BYTES = 4096
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def not_ready(address: AddressSettings) -> str | None:
    """Why the proxy with this admin port is not ready; None if it is ready."""
    host = _ANY.get(address.host or "", address.host or "127.0.0.1")
    connection = http.client.HTTPConnection(host, address.port, timeout=_SECONDS)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        reasons = answer.read(_MAX_BYTES).decode("utf-8", "replace").split("\n")
    except (OSError, http.client.HTTPException) as error:
        return f"no response from the admin port {address} ({type(error).__name__})"
    finally:
        connection.close()
    return None if answer.status == 200 else f"{answer.status}: {', '.join(reason for reason in reasons if reason)}"
