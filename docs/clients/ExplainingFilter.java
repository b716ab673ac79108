// A filter for Keycloak's Java admin client. After a 403 it prints the required role and the command that grants it.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import jakarta.ws.rs.ForbiddenException;
import jakarta.ws.rs.client.ClientBuilder;
import jakarta.ws.rs.client.ClientRequestContext;
import jakarta.ws.rs.client.ClientResponseContext;
import jakarta.ws.rs.client.ClientResponseFilter;
import java.io.File;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.keycloak.admin.client.Keycloak;
import org.keycloak.admin.client.KeycloakBuilder;

public class ExplainingFilter implements ClientResponseFilter {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Pattern REALM = Pattern.compile("/admin/realms/([^/]+)");
    private final List<JsonNode> operations = new ArrayList<>();

    public ExplainingFilter(File roles) throws IOException {
        JSON.readTree(roles).get("operations").forEach(operations::add);
        operations.sort(Comparator.comparingInt(each -> each.get("path").asText().split("\\{").length)); // /users/count before /users/{user-id}
    }

    @Override
    public void filter(ClientRequestContext request, ClientResponseContext response) throws IOException {
        if (response.getStatus() != 403) {
            return;
        }
        for (JsonNode each : operations) {
            String path = ".*" + each.get("path").asText().replaceAll("\\{[^}]+}", "[^/]+");
            if (each.get("method").asText().equals(request.getMethod()) && request.getUri().getRawPath().matches(path)) {
                Matcher target = REALM.matcher(request.getUri().getRawPath());
                if (target.find()) {
                    explain(claims(request.getHeaderString("Authorization")), target.group(1), each.get("least"));
                }
                return;
            }
        }
    }

    private static JsonNode claims(String authorization) {
        try {
            return JSON.readTree(Base64.getUrlDecoder().decode(authorization.split("\\.")[1]));
        } catch (IOException | RuntimeException unreadable) { // no token, or none that can be read
            return JSON.createObjectNode();
        }
    }

    private static void explain(JsonNode claims, String target, JsonNode least) {
        String issuer = claims.path("iss").asText(), account = claims.path("preferred_username").asText();
        String realm = issuer.substring(issuer.lastIndexOf('/') + 1);
        if (least.isEmpty() || account.isEmpty() || !List.of("master", target).contains(realm)) {
            return; // only tokens of the realm and of master can get a role
        }
        List<String> roles = new ArrayList<>();
        least.forEach(role -> roles.add(role.asText()));
        String client = realm.equals("master") ? target + "-realm" : "realm-management";
        System.err.println(account + " may need " + String.join(" and ", roles) + " of " + client + ". To grant it:");
        System.err.println("kcadm.sh add-roles -r " + quoted(realm) + " --uusername " + quoted(account) + " --cclientid " + quoted(client)
                + " --rolename " + String.join(" --rolename ", roles));
    }

    private static String quoted(String value) {
        return "'" + value.replace("'", "'\\''") + "'";
    }

    /** The example: count the users of a realm. Arguments: Keycloak's address and the realm. Environment: TOKEN and ROLES_JSON. */
    public static void main(String[] arguments) throws IOException {
        ExplainingFilter filter = new ExplainingFilter(new File(System.getenv("ROLES_JSON")));
        try (Keycloak keycloak = KeycloakBuilder.builder().serverUrl(arguments[0]).realm(arguments[1])
                .authorization(System.getenv("TOKEN")).resteasyClient(ClientBuilder.newBuilder().register(filter).build()).build()) {
            System.out.println(keycloak.realm(arguments[1]).users().count());
        } catch (ForbiddenException refused) {
            System.out.println(refused.getResponse().getStatus());
        }
    }
}
