"""Test suites that client libraries bring with them, directly at a real Keycloak and through kcproxy: the same tests pass, fail and are skipped."""
