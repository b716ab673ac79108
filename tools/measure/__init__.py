"""Measures which roles each operation of Keycloak's Admin REST API needs."""
