package deploy

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// dockerfile is a Dockerfile as the builder reads it.
type dockerfile struct {
	stages []instructions.Stage
	args   []instructions.ArgCommand // before the first stage
	faults []string                  // what the builder's own linter says
}

func parseDockerfile(source []byte) (*dockerfile, error) {
	result, err := parser.Parse(bytes.NewReader(source))
	if err != nil {
		return nil, err
	}
	d := new(dockerfile)
	lint := linter.New(&linter.Config{Warn: func(rule, _, _, message string, _ []parser.Range) {
		d.faults = append(d.faults, rule+": "+message)
	}})
	d.stages, d.args, err = instructions.Parse(result.AST, lint)
	return d, err
}

// base returns the image of a FROM, with the arguments before it in place.
func (d *dockerfile) base(s instructions.Stage) string {
	return os.Expand(s.BaseName, func(name string) string {
		for _, command := range d.args {
			for _, arg := range command.Args {
				if arg.Key == name && arg.Value != nil {
					return *arg.Value
				}
			}
		}
		return ""
	})
}

// imageFaults returns what is wrong with the Dockerfile source whose context holds files.
func imageFaults(source []byte, files []string) []string {
	d, err := parseDockerfile(source)
	if err != nil {
		return []string{err.Error()}
	}
	faults := d.faults
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	var names []string
	for _, stage := range d.stages {
		if base := d.base(stage); !slices.Contains(names, base) && !isPinned(base) {
			fault("%s names no version of an image", base)
		}
		for _, command := range stage.Commands {
			c, is := command.(*instructions.CopyCommand)
			switch {
			case !is:
			case c.From != "" && !slices.Contains(names, c.From):
				fault("COPY --from=%s: no stage before has that name", c.From)
			case c.From == "":
				for _, from := range c.SourcePaths {
					if !slices.ContainsFunc(files, func(file string) bool { return within(file, from) }) {
						fault("COPY %s: the context has no such file", from)
					}
				}
			}
		}
		names = append(names, stage.Name)
	}
	return append(faults, finalFaults(d.stages[len(d.stages)-1])...)
}

var (
	version = regexp.MustCompile(`:v?[0-9]+\.[0-9]`)
	numeric = regexp.MustCompile(`^[1-9][0-9]*:[1-9][0-9]*$`)
)

// isPinned reports whether an image's name has a version with a minor one. Distroless images have none: their names say the release
// of Debian.
func isPinned(image string) bool {
	return version.MatchString(image) || strings.HasPrefix(image, "gcr.io/distroless/") && strings.HasSuffix(image, "-debian12:nonroot")
}

// finalFaults returns what is wrong with the stage that becomes the image.
func finalFaults(stage instructions.Stage) (faults []string) {
	user := "none"
	for _, command := range stage.Commands {
		switch c := command.(type) {
		case *instructions.UserCommand:
			user = c.User
		case *instructions.RunCommand:
			faults = append(faults, "the image has no shell, and a RUN needs one")
		case *instructions.AddCommand:
			faults = append(faults, "ADD takes what COPY does not: write COPY")
		}
	}
	if !numeric.MatchString(user) { // Kubernetes cannot see that a name is not root's
		faults = append(faults, fmt.Sprintf("the image's user is %s, which is not a number above 0", user))
	}
	return faults
}

func within(file, dir string) bool {
	dir = path.Clean(dir)
	return dir == "." || file == dir || strings.HasPrefix(file, dir+"/")
}

// buildContext returns the files below top that the builder sends, by what .dockerignore says.
func buildContext(top string) ([]string, error) {
	ignore, err := os.Open(filepath.Join(top, ".dockerignore"))
	if err != nil {
		return nil, err
	}
	defer ignore.Close()
	patterns, err := ignorefile.ReadAll(ignore)
	if err != nil {
		return nil, err
	}
	matcher, err := patternmatcher.New(patterns)
	if err != nil {
		return nil, err
	}
	var files []string
	err = fs.WalkDir(os.DirFS(top), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (name == ".git" || name == "bin"):
			return fs.SkipDir
		case entry.IsDir():
			return nil
		}
		ignored, err := matcher.MatchesOrParentMatches(name)
		if !ignored {
			files = append(files, name)
		}
		return err
	})
	return files, err
}
