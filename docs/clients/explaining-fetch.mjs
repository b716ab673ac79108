// A fetch that prints, after a 403 of Keycloak's Admin REST API, the required role and the command that grants it.
import { readFileSync } from "node:fs";

const parameters = (path) => (path.match(/\{/g) ?? []).length;
const { operations } = JSON.parse(readFileSync(process.env.ROLES_JSON ?? new URL("../openapi/roles.json", import.meta.url)));
operations.sort((one, other) => parameters(one.path) - parameters(other.path)); // /users/count before /users/{user-id}

export const explaining = (send) => async (resource, options) => {
  const response = await send(resource, options);
  if (response.status === 403) {
    const { url, method, headers } = { url: resource, method: "GET", ...(resource instanceof Request && read(resource)), ...options };
    const { pathname } = new URL(url);
    const matches = (each) => each.method === method.toUpperCase() && new RegExp(`${each.path.replace(/\{[^}]+\}/g, "[^/]+")}$`).test(pathname);
    explain(claimsOf(new Headers(headers).get("authorization")), pathname.match(/\/admin\/realms\/([^/]+)/)?.[1], operations.find(matches)?.least ?? []);
  }
  return response;
};

const read = ({ url, method, headers }) => ({ url, method, headers });
const quoted = (value) => `'${value.replaceAll("'", "'\\''")}'`;

function claimsOf(authorization) {
  try {
    return JSON.parse(Buffer.from(authorization.split(".")[1], "base64url"));
  } catch {
    return {}; // no token, or none that can be read
  }
}

function explain({ preferred_username: account, iss = "" }, target, roles) {
  const realm = iss.split("/").pop();
  if (!account || !roles.length || !target || !["master", target].includes(realm)) return; // only these realms' tokens can get a role
  const client = realm === "master" ? `${target}-realm` : "realm-management";
  console.error(`${account} may need ${roles.join(" and ")} of ${client}. To grant it:`);
  console.error(`kcadm.sh add-roles -r ${quoted(realm)} --uusername ${quoted(account)} --cclientid ${quoted(client)} ${roles.map((role) => `--rolename ${role}`).join(" ")}`);
}
