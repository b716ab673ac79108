// Read one user with Keycloak's own Java admin client; print the exception, then the error that it carries.
import jakarta.ws.rs.WebApplicationException;
import org.keycloak.OAuth2Constants;
import org.keycloak.admin.client.Keycloak;
import org.keycloak.admin.client.KeycloakBuilder;
import org.keycloak.representations.idm.ErrorRepresentation;

public class Users {
  public static void main(String[] arguments) {
    String realm = System.getenv("REALM");
    try (Keycloak keycloak =
        KeycloakBuilder.builder()
            .serverUrl(System.getenv("TARGET_URL"))
            .realm(realm)
            .grantType(OAuth2Constants.CLIENT_CREDENTIALS)
            .clientId(System.getenv("CLIENT_ID"))
            .clientSecret(System.getenv("CLIENT_SECRET"))
            .build()) {
      System.out.println(
          keycloak.realm(realm).users().get(System.getenv("USER_ID")).toRepresentation().getUsername());
    } catch (WebApplicationException error) {
      System.out.println(error);
      System.out.println(error.getResponse().readEntity(ErrorRepresentation.class).getErrorMessage());
    }
  }
}
