"""The fix loop on a real Keycloak: a running kcproxy explains a refusal, the printed commands are run, and the call is repeated at once."""
