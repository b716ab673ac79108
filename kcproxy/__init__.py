"""kcproxy: a proxy in front of Keycloak's Admin REST API that explains every refusal, with the smallest fix."""

__version__ = "0.1.0"
