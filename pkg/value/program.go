package value

// A Program turns the values of one legacy column, or expression, into those of one target column. It is immutable: any number of
// goroutines may use it at the same time.
type Program struct {
	names []string
	loses Hit
	plain plain
	run   stage
}

// A stage is one part of a program and all that comes after it: it takes a value, nil for NULL, and ends in dst with the value's
// body appended, in NULL or in a fault. Each stage adds its own bit to those of the stages that it calls.
type stage func(dst, in []byte) (out []byte, null bool, hit Hit, fault Fault)

// Rules returns the names of the rules that can change a value in this program; a name's index is its bit in a Hit.
func (p *Program) Rules() []string { return p.names }

// Append appends the body of the value in the target type's binary send format, without the length word of COPY. For NULL it
// appends nothing and null is true. With a fault dst is returned as it was, and hit is empty; else hit holds the rules that have
// changed the value. It does not keep in, nor refer to it in out.
func (p *Program) Append(dst []byte, in Cell) (out []byte, null bool, hit Hit, fault Fault) {
	if out, ok := p.Plain(dst, in); ok {
		return out, false, 0, ""
	}
	out, null, hit, fault = p.run(dst, in)
	if fault != "" {
		return dst, false, 0, fault
	}
	return out, null, hit, ""
}

// Plain is Append for most values, at half its cost: those that are not NULL and that no rule changes or refuses. It is not ok, and gives
// dst as it was, where Append has to tell.
func (p *Program) Plain(dst []byte, in Cell) (out []byte, ok bool) {
	if in == nil {
		return dst, false
	}
	return p.plain(dst, in)
}

// null ends a value as NULL.
func null(dst []byte, hit Hit) ([]byte, bool, Hit, Fault) { return dst, true, hit, "" }

// done ends a value that has been appended.
func done(dst []byte, hit Hit) ([]byte, bool, Hit, Fault) { return dst, false, hit, "" }

// refuse ends a value in a fault.
func refuse(dst []byte, fault Fault) ([]byte, bool, Hit, Fault) { return dst, false, 0, fault }

// after adds the bit of a rule that has changed the value to what the later stages report.
func after(hit Hit, next stage, dst, in []byte) ([]byte, bool, Hit, Fault) {
	out, null, later, fault := next(dst, in)
	return out, null, later | hit, fault
}

// A guard is a policy at work on one column.
type guard struct {
	fault Fault  // what a refused value is reported as
	word  string // empty is Reject
	to    []byte // of the word To: the replacement
	bit   Hit
}

// resolve ends a value as the policy says; a word that wants to mend the value is its caller's business.
func (g *guard) resolve(dst []byte) ([]byte, bool, Hit, Fault) {
	switch g.word {
	case ToNull:
		return null(dst, g.bit)
	case To:
		return done(append(dst, g.to...), g.bit)
	}
	return refuse(dst, g.fault)
}
