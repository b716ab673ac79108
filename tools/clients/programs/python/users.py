"""Read one user with python-keycloak, and print errors as the library does."""

import os

from keycloak import KeycloakAdmin, KeycloakOpenIDConnection
from keycloak.exceptions import KeycloakError

connection = KeycloakOpenIDConnection(
    server_url=os.environ["TARGET_URL"],
    realm_name=os.environ["REALM"],
    client_id=os.environ["CLIENT_ID"],
    client_secret_key=os.environ["CLIENT_SECRET"],
)
try:
    print(KeycloakAdmin(connection=connection).get_user(os.environ["USER_ID"])["username"])
except KeycloakError as error:
    print(f"{type(error).__name__}: {error}")
