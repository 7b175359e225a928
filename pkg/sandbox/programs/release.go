package programs

import "os"

// Release lets a process that has come to its pause point go on from there.
func (p *Process) Release() {
	p.t.Helper()
	if err := os.Remove(p.pause); err != nil {
		p.t.Fatalf("let %s go on: %v", p.name, err)
	}
}
