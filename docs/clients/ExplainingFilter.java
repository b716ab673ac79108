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
import org.keycloak.admin.client.Keycloak;
import org.keycloak.admin.client.KeycloakBuilder;

public class ExplainingFilter implements ClientResponseFilter {
    private static final ObjectMapper JSON = new ObjectMapper();
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
                explain(request.getHeaderString("Authorization"), each.get("least"));
                return;
            }
        }
    }

    private static void explain(String authorization, JsonNode least) throws IOException {
        String[] parts = authorization == null ? new String[0] : authorization.split("\\.");
        JsonNode claims = JSON.readTree(parts.length == 3 ? Base64.getUrlDecoder().decode(parts[1]) : "{}".getBytes());
        if (least.isEmpty() || !claims.has("preferred_username")) {
            return;
        }
        List<String> roles = new ArrayList<>();
        least.forEach(role -> roles.add(role.asText()));
        String issuer = claims.get("iss").asText(), account = claims.get("preferred_username").asText();
        System.err.println(account + " may need " + String.join(" and ", roles) + " of realm-management. To grant it:");
        System.err.println("kcadm.sh add-roles -r " + issuer.substring(issuer.lastIndexOf('/') + 1) + " --uusername " + account
                + " --cclientid realm-management --rolename " + String.join(" --rolename ", roles));
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
