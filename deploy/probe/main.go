// Command probe asks the program that runs in the same container how it is, because the image has neither a shell nor an HTTP client. It
// finds the program by REHOME_HEALTH, as the program itself does, asks it for /healthz, or for the path that it is given, prints what
// it answers and ends with 0 if that is well, with 1 if not.
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"time"

	"rehome/pkg/settings"
)

// patience is longer than a program takes to say that it is not ready.
const patience = 4 * time.Second

func main() {
	ctx, stop := settings.Context()
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
	}
	os.Exit(settings.ExitCode(err))
}

func run(ctx context.Context, args []string) error {
	path := "/healthz"
	switch {
	case len(args) == 1 && args[0] != "" && args[0][0] == '/':
		path = args[0]
	case len(args) > 0:
		return settings.WithExit(settings.ExitSettings, fmt.Errorf("say what to ask for, as in probe /readyz; /healthz when nothing is said"))
	}
	s := settings.New().Require(settings.HealthOn)
	if err := s.Load(nil); err != nil {
		return err
	}
	return ask(ctx, "http://"+reachable(s.Health).String()+path)
}

// reachable is where a listener on address answers: one that listens everywhere is asked on loopback.
func reachable(address settings.Address) settings.Address {
	if ip, err := netip.ParseAddr(address.Host); address.Host == "" || err == nil && ip.IsUnspecified() {
		address.Host = "127.0.0.1"
		if ip.Is6() {
			address.Host = "::1"
		}
	}
	return address
}

func ask(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return fmt.Errorf("ask %s: %w", url, err)
	}
	client := &http.Client{Transport: &http.Transport{Proxy: nil}} // what stands here is never behind a proxy
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(os.Stdout, io.LimitReader(response.Body, 1<<16)); err != nil {
		return fmt.Errorf("read what %s answers: %w", url, err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	return nil
}
