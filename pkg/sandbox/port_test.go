package sandbox

import "testing"

func TestAPortIsDrawnOnce(t *testing.T) {
	t.Parallel()
	given := map[int]bool{}
	for range 500 {
		port, err := freePort()
		if err != nil {
			t.Fatal(err)
		}
		if given[port] {
			t.Fatalf("port %d was given out twice", port)
		}
		given[port] = true
	}
}
