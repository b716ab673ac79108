"""Who reaches the ports for Envoy. They believe what they are sent, so others on the network must not."""

from collections.abc import Iterator

from kcproxy.settings import AddressSettings, InboundSettings


def problems_of(name: str, address: AddressSettings, inbound: InboundSettings) -> Iterator[str]:
    """Why this address must not be used: it can be reached from other machines, and they need no client certificate.

    ``name``: of the option.
    """
    if address.is_local or inbound.tls_client_ca_file is not None:
        return
    yield (
        f"{name} {address}: it can be reached from other machines, and the processor believes what it is sent;"
        " use unix:PATH in a directory that only Envoy and kcproxy can enter, or a loopback address; or require client certificates"
        " (inbound.tls_certificate_file, tls_key_file and tls_client_ca_file) and give Envoy one"
    )
