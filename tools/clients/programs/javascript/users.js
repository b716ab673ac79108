// Read one user with Keycloak's own JavaScript admin client, and print the error as console.error does.
import KcAdminClient from "@keycloak/keycloak-admin-client";

const { TARGET_URL, REALM, CLIENT_ID, CLIENT_SECRET, USER_ID } = process.env;
const admin = new KcAdminClient({ baseUrl: TARGET_URL, realmName: REALM });
try {
  await admin.auth({ grantType: "client_credentials", clientId: CLIENT_ID, clientSecret: CLIENT_SECRET });
  console.log((await admin.users.findOne({ id: USER_ID })).username);
} catch (error) {
  console.log(error.message);
  console.log(error.responseData);
}
