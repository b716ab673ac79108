"""The rules: small pure functions from a Situation to a Finding or None, one cause each, in families by what they look at."""
