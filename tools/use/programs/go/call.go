// Calls one method of gocloak and prints its result: call METHOD < arguments.json
//
// The arguments are a JSON array without the context and the token, which come first in every method.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"

	"github.com/Nerzal/gocloak/v14"
)

func main() {
	result, err := call(os.Args[1])
	answer := map[string]any{"result": result}
	if err != nil {
		answer = map[string]any{"reports": said(err)}
	}
	if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
		panic(err)
	}
}

func said(err error) string {
	var failure *gocloak.APIError
	if errors.As(err, &failure) {
		return fmt.Sprintf("status %d", failure.Code)
	}
	return err.Error()
}

func call(name string) (any, error) {
	ctx, client := context.Background(), gocloak.NewClient(os.Getenv("TARGET_URL"))
	realm := os.Getenv("REALM")
	token, err := client.LoginClient(ctx, os.Getenv("CLIENT_ID"), os.Getenv("CLIENT_SECRET"), realm)
	if err != nil {
		return nil, err
	}
	var given []json.RawMessage
	if err := json.NewDecoder(os.Stdin).Decode(&given); err != nil {
		return nil, err
	}
	method := reflect.ValueOf(client).MethodByName(name)
	if !method.IsValid() {
		return nil, fmt.Errorf("no method %s", name)
	}
	values := []reflect.Value{reflect.ValueOf(ctx), reflect.ValueOf(token.AccessToken)}
	for number := 2; number < method.Type().NumIn(); number++ {
		kind := method.Type().In(number)
		variadic := method.Type().IsVariadic() && number == method.Type().NumIn()-1
		if variadic {
			kind = kind.Elem()
		}
		for len(given) > 0 {
			value := reflect.New(kind)
			if err := json.Unmarshal(given[0], value.Interface()); err != nil {
				return nil, fmt.Errorf("argument %d: %w", number, err)
			}
			values, given = append(values, value.Elem()), given[1:]
			if !variadic {
				break
			}
		}
	}
	return outcome(method.Call(values))
}

func outcome(results []reflect.Value) (any, error) {
	last := results[len(results)-1].Interface()
	if err, failed := last.(error); failed {
		return nil, err
	}
	if len(results) == 1 {
		return nil, nil
	}
	return results[0].Interface(), nil
}
