// What the Go programs of tests/integration share: install.go builds it with each of them, in its package main.
package main

import (
	"context"
	"fmt"
	"os"
	"time"
)

var broker = os.Getenv("BOOTSTRAP")
var ctx, _ = context.WithTimeout(context.Background(), 50*time.Second)

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// `program NAME` runs the scenario of that name, which prints its canonical answer.
func runScenario(scenarios map[string]func()) {
	if len(os.Args) == 2 && scenarios[os.Args[1]] != nil {
		scenarios[os.Args[1]]()
		return
	}
	fmt.Fprintln(os.Stderr, "no such scenario:", os.Args[1:])
	os.Exit(2)
}
