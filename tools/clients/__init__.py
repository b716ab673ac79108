"""Real client libraries, unchanged, against Keycloak directly and through kcproxy: what does a developer see of a 403?"""
