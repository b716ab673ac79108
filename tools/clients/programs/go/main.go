// Read one user with gocloak, and print the error as it is.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/Nerzal/gocloak/v14"
)

func main() {
	ctx := context.Background()
	client := gocloak.NewClient(os.Getenv("TARGET_URL"))
	realm := os.Getenv("REALM")
	token, err := client.LoginClient(ctx, os.Getenv("CLIENT_ID"), os.Getenv("CLIENT_SECRET"), realm)
	if err != nil {
		fmt.Println(err)
		return
	}
	user, err := client.GetUserByID(ctx, token.AccessToken, realm, os.Getenv("USER_ID"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(*user.Username)
}
