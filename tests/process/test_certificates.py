"""A start does not read the system's certificates for a client that it does not have."""

import os
import ssl

import pytest

from kcproxy.process.certificates import no_system_certificates


@pytest.mark.parametrize("before", [None, "/etc/own.pem"])
def test_contexts_made_inside_have_no_certificates_and_the_variable_is_as_before(
    before: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if before is None:
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    else:
        monkeypatch.setenv("SSL_CERT_FILE", before)

    with no_system_certificates():
        inside = ssl.create_default_context()

    assert inside.get_ca_certs() == []
    assert os.environ.get("SSL_CERT_FILE") == before


def test_the_variable_is_as_before_after_a_failed_import(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)

    with pytest.raises(ImportError), no_system_certificates():
        raise ImportError

    assert "SSL_CERT_FILE" not in os.environ
