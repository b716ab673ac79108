"""Test suites of client libraries, run directly with a real Keycloak and through kcproxy. The same tests have to pass, fail and be skipped."""
