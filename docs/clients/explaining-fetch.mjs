// A fetch that prints, after a 403 of Keycloak's Admin REST API, the required role and the command that grants it.
import { readFileSync } from "node:fs";

const parameters = (path) => (path.match(/\{/g) ?? []).length;
const { operations } = JSON.parse(readFileSync(process.env.ROLES_JSON ?? new URL("../openapi/roles.json", import.meta.url)));
operations.sort((one, other) => parameters(one.path) - parameters(other.path)); // /users/count before /users/{user-id}

export const explaining = (send) => async (url, options = {}) => {
  const response = await send(url, options);
  if (response.status === 403) {
    const { pathname } = new URL(url);
    const matches = ({ method, path }) => method === (options.method ?? "GET") && new RegExp(`${path.replace(/\{[^}]+\}/g, "[^/]+")}$`).test(pathname);
    const roles = operations.find(matches)?.least;
    const claims = JSON.parse(Buffer.from(new Headers(options.headers).get("authorization").split(".")[1], "base64url"));
    if (roles?.length) {
      console.error(`${claims.preferred_username} may need ${roles.join(" and ")} of realm-management. To grant it:`);
      console.error(`kcadm.sh add-roles -r ${claims.iss.split("/").pop()} --uusername ${claims.preferred_username} --cclientid realm-management ${roles.map((role) => `--rolename ${role}`).join(" ")}`);
    }
  }
  return response;
};
