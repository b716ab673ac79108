"""The closed loop on a real Keycloak: refused and explained by a running kcproxy, cured by the printed commands, asked again at once."""
