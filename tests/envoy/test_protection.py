"""Who may reach the ports for Envoy."""

from pathlib import Path

import pytest

from kcproxy.envoy.protection import problems_of
from kcproxy.settings import AddressSettings, InboundSettings

LOCAL = (AddressSettings(unix_path=Path("/run/kcproxy/s")), AddressSettings(host="127.0.0.1", port=1), AddressSettings(host="::1", port=1))
MTLS = InboundSettings(tls_certificate_file=Path("c"), tls_key_file=Path("k"), tls_client_ca_file=Path("a"))


@pytest.mark.parametrize("address", LOCAL, ids=str)
def test_an_address_of_this_machine_needs_nothing(address: AddressSettings) -> None:
    assert not list(problems_of("--listen", address, InboundSettings()))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "kcproxy.internal"])
@pytest.mark.parametrize(
    "inbound",
    [
        InboundSettings(),
        InboundSettings(tls_certificate_file=Path("c"), tls_key_file=Path("k")),
        InboundSettings(api_keys_file=Path("keys")),
        InboundSettings(jwt_issuers=("https://a",), jwt_audience="b"),
    ],
)
def test_any_other_is_refused_unless_client_certificates_are_required(host: str, inbound: InboundSettings) -> None:
    address = AddressSettings(host=host, port=9182)
    (problem,) = problems_of("--http", address, inbound)
    assert problem.startswith(f"--http {address}: it can be reached from other machines")
    assert "unix:PATH" in problem
    assert "tls_client_ca_file" in problem
    assert not list(problems_of("--http", address, MTLS))
