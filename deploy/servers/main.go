// Command servers installs the database servers that the demo and the tests start, the clock that tests give them, and the browser that they look
// at pages with, where they are missing; it starts none.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"rehome/pkg/sandbox"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := sandbox.Install(ctx, os.Stderr, sandbox.Faketime, sandbox.Chromium)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "servers:", err)
		os.Exit(1)
	}
}
