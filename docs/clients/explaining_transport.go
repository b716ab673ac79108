// A transport that prints, after a 403 of Keycloak's Admin REST API, the required role and the command that grants it.
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"sort"
	"strings"

	"github.com/Nerzal/gocloak/v14"
)

type operation struct {
	Method, Path string
	Least        []string
}

type explainingTransport struct{ operations []operation }

var (
	parameter   = regexp.MustCompile(`\{[^}]+\}`)
	realmInPath = regexp.MustCompile(`/admin/realms/([^/]+)`)
)

func newExplainingTransport(file string) (*explainingTransport, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var table struct{ Operations []operation }
	if err := json.Unmarshal(text, &table); err != nil {
		return nil, err
	}
	sort.SliceStable(table.Operations, func(one, other int) bool { // /users/count before /users/{user-id}
		return strings.Count(table.Operations[one].Path, "{") < strings.Count(table.Operations[other].Path, "{")
	})
	return &explainingTransport{table.Operations}, nil
}

func (transport *explainingTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil || response.StatusCode != http.StatusForbidden {
		return response, err
	}
	for _, each := range transport.operations {
		pattern := parameter.ReplaceAllString(each.Path, "[^/]+") + "$"
		if matched, _ := regexp.MatchString(pattern, request.URL.EscapedPath()); matched && each.Method == request.Method {
			explain(request, each.Least)
			break
		}
	}
	return response, nil
}

func explain(request *http.Request, roles []string) {
	var claims struct {
		Iss      string `json:"iss"`
		Username string `json:"preferred_username"`
	}
	if parts := strings.Split(request.Header.Get("Authorization"), "."); len(parts) == 3 {
		payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
		_ = json.Unmarshal(payload, &claims)
	}
	realm, client := claims.Iss[strings.LastIndex(claims.Iss, "/")+1:], "realm-management"
	target := realmInPath.FindStringSubmatch(request.URL.EscapedPath())
	if len(roles) == 0 || claims.Username == "" || target == nil || (realm != "master" && realm != target[1]) {
		return // only tokens of the realm and of master can get a role
	}
	if realm == "master" {
		client = target[1] + "-realm"
	}
	fmt.Fprintf(os.Stderr, "%s may need %s of %s. To grant it:\n", claims.Username, strings.Join(roles, " and "), client)
	fmt.Fprintf(os.Stderr, "kcadm.sh add-roles -r %s --uusername %s --cclientid %s --rolename %s\n",
		quoted(realm), quoted(claims.Username), quoted(client), strings.Join(roles, " --rolename "))
}

func quoted(value string) string { return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'" }

// The example: count the users of a realm with gocloak. Arguments: Keycloak's address and the realm. Environment: TOKEN and ROLES_JSON.
func main() {
	transport, err := newExplainingTransport(os.Getenv("ROLES_JSON"))
	if err != nil {
		panic(err)
	}
	client := gocloak.NewClient(os.Args[1])
	client.RestyClient().SetTransport(transport)
	_, err = client.GetUserCount(context.Background(), os.Getenv("TOKEN"), os.Args[2], gocloak.GetUsersParams{})
	var refused *gocloak.APIError
	if errors.As(err, &refused) {
		fmt.Println(refused.Code)
	} else if err != nil {
		panic(err)
	}
}
