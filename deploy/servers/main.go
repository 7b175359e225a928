// Command servers installs the database servers that the demo and the tests start, the clock that tests give them, and the browser that they look
// at pages with, where they are missing; with -peers also the tools that the benchmarks compare with. It starts none.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"rehome/pkg/sandbox"
)

func main() {
	peers := flag.Bool("peers", false, "install what the benchmarks compare with, too")
	flag.Parse()
	also := []string{sandbox.Faketime, sandbox.Chromium}
	if *peers {
		also = append(also, sandbox.Pgloader)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := sandbox.Install(ctx, os.Stderr, also...)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "servers:", err)
		os.Exit(1)
	}
}
