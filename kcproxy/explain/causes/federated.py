"""Refusals of tokens of another issuer as client assertion ("Signed JWT - Federated", RFC 7523): a pod's projected token, for example.

Measured on 26.7.5: Keycloak says the same words for a wrong subject, an issuer that is no identity provider of the realm, keys that it cannot
read, and a certificate that it does not trust. Its login events tell two groups apart.
"""

from kcproxy.explain.causes.token_endpoint_responses import UNDISTINGUISHED, Wording
from kcproxy.model import RequestFacts

_TOKEN = "The token of issuer {assertion_issuer} with subject {assertion_subject}, which authenticates client {client},"  # noqa: S105 - words

UNSETTLED = Wording(
    f"{_TOKEN} is not accepted, and Keycloak does not say whether it is the subject, the issuer, the keys or the certificate of the issuer",
    "Look for CLIENT_LOGIN_ERROR in Keycloak's log. If its error is client_not_found, no enabled client has this subject, or no identity provider of realm"
    " {realm} has this issuer: Clients, {client}, Credentials must have Signed JWT - Federated, that provider and exactly the subject"
    " {assertion_subject}. If it is invalid_client_credentials, Keycloak cannot read the keys of the issuer (Kubernetes: the ClusterRole"
    " system:service-account-issuer-discovery), does not trust its certificate (truststore-paths with the CA of the cluster), or the token is signed"
    " with another key",
)
AUDIENCE = Wording(
    f"{_TOKEN} is for {{assertion_audience}}, and Keycloak accepts it only for the issuer of realm {{realm}}",
    "Set the audience of the projected token (serviceAccountToken.audience of the volume) to the issuer of realm {realm} as its discovery document"
    " names it, as the only audience",
)
EXPIRED = Wording(
    f"{_TOKEN} has expired or is not valid yet",
    "Mount the token as a whole directory, so that the kubelet can replace it (never with subPath), and synchronize the clocks (NTP)",
)

_BY_DESCRIPTION = (
    (UNDISTINGUISHED, UNSETTLED),
    ("Invalid token audience", AUDIENCE),
    ("Token audience", AUDIENCE),
    ("Multiple audiences", AUDIENCE),
    ("Token is not active", EXPIRED),
)


def is_federated(request: RequestFacts) -> bool:
    """Whether the assertion is of another issuer: a client that signs for itself is issuer and subject (RFC 7523, section 3)."""
    issuer, subject = request.assertion_issuer, request.assertion_subject
    return bool(issuer and subject) and issuer != subject and "://" in (issuer or "")


def wording_of(description: str) -> Wording | None:
    """The words for a federated assertion; None if those for every assertion are right."""
    return next((wording for beginning, wording in _BY_DESCRIPTION if description.startswith(beginning)), None)
