// Calls one method of a resource of the client and prints its result: node call.mjs RESOURCE.METHOD < arguments.json
import { readFileSync } from "node:fs";
import KeycloakAdminClient from "@keycloak/keycloak-admin-client";

const { TARGET_URL, REALM, CLIENT_ID, CLIENT_SECRET } = process.env;
const client = new KeycloakAdminClient({ baseUrl: TARGET_URL, realmName: REALM });
const [resource, method] = process.argv[2].split(".");
try {
  await client.auth({ grantType: "client_credentials", clientId: CLIENT_ID, clientSecret: CLIENT_SECRET });
  const result = await client[resource][method](...JSON.parse(readFileSync(0, "utf8")));
  console.log(JSON.stringify({ result: result ?? null }));
} catch (error) {
  console.log(JSON.stringify({ reports: error.response ? `status ${error.response.status}` : `${error}` }));
}
