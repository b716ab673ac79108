"""Accounts that receive roles, for the tests of the printed forms."""

from kcproxy.explain.fixes.grantee import Grantee

APP = Grantee(realm="demo", username="service-account-app", client_id="app")
JANE = Grantee(realm="demo", username="jane", client_id="app")
OWNER = "realm-management"
NEW = (26, 7, 5)
OLD = (24, 0, 5)
