// Package link dials connections to the databases that notice when the network between has forgotten them. It knows no protocol, and
// bounds neither the time that a server takes nor that of the dialling.
package link

import (
	"context"
	"net"
	"time"
)

// Silence is about how long the other end of a connection may be out of reach before reads and writes fail: the system's own limits
// are a quarter of an hour for what was sent, and hours for what is awaited.
const Silence = time.Minute

// A connection that says nothing is probed; Silence is the sum.
var probes = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 9}

// Dial connects to the address of a network, as net.Dialer does.
func Dial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := net.Dialer{KeepAliveConfig: probes, Control: control}
	return dialer.DialContext(ctx, network, address)
}
