package settings

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// fileMax is more than any secret needs, and keeps a path such as /dev/zero from being read for ever.
const fileMax = 64 << 10

// Environ answers for one environment variable as os.LookupEnv does.
type Environ func(name string) (value string, found bool)

// Lookup returns the value of the environment variable name, or of the file that name_FILE names, without its trailing
// line break. An empty variable counts as not set, as container tools cannot leave one out. It is an error when both
// are set, or when the file cannot be read or is empty; the error shows neither value nor path, because a secret is
// easily put into the wrong one of the two.
func (env Environ) Lookup(name string) (value string, found bool, err error) {
	value, _ = env(name)
	path, _ := env(name + "_FILE")
	switch {
	case value != "" && path != "":
		return "", false, fmt.Errorf("both %s and %s_FILE are set; unset one of them", name, name)
	case path != "":
		value, err = readValue(path)
		if err != nil {
			return "", false, fmt.Errorf("read the file that %s_FILE names: %w", name, err)
		}
	}
	return value, value != "", nil
}

func readValue(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", withoutPath(err)
	}
	defer func() { _ = f.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(f, fileMax+1))
	if err != nil {
		return "", withoutPath(err)
	}
	if len(text) > fileMax {
		return "", fmt.Errorf("it holds more than %d bytes", fileMax)
	}
	value := strings.TrimRight(string(text), "\r\n")
	if value == "" {
		return "", errors.New("it is empty")
	}
	return value, nil
}

func withoutPath(err error) error {
	if inner, ok := errors.AsType[*fs.PathError](err); ok {
		return inner.Err
	}
	return err
}

// read finds the text of a setting and the name under which an operator knows where it came from.
func (a *ask) read(env Environ) (name, text string, err error) {
	if a.flag.set {
		return "--" + string(a.field), a.flag.text.Reveal(), nil
	}
	if a.env == "" {
		return "--" + string(a.field), "", nil
	}
	text, _, err = env.Lookup(a.env)
	return a.env, text, err
}

func (a *ask) howToGive() string {
	if a.env == "" {
		return fmt.Sprintf("give --%s %s", a.field, a.placeholder)
	}
	return fmt.Sprintf("give %s, %s_FILE or --%s %s", a.env, a.env, a.field, a.placeholder)
}

func (a *ask) help() string {
	if a.env == "" {
		return a.usage
	}
	return a.usage + " [" + a.env + "]"
}

// flagText is a flag that takes any text and leaves the judgement to Load.
type flagText struct {
	text        Secret
	placeholder string
	set         bool
}

// String shows nothing: pflag prints it where it lists values, and a DSN may be one.
func (f *flagText) String() string { return "" }

// Set keeps the text.
func (f *flagText) Set(text string) error {
	f.text, f.set = NewSecret(text), true
	return nil
}

// Type names what the flag takes, for the help text.
func (f *flagText) Type() string { return f.placeholder }
