package dashboard

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"rehome/pkg/ledger"
	"rehome/pkg/telemetry"
)

// A problem is an error with the status that it becomes.
type problem struct {
	status int
	text   string
}

// Error returns the text.
func (p *problem) Error() string { return p.text }

func wrong(format string, args ...any) error {
	return &problem{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

func notFound(format string, args ...any) error {
	return &problem{http.StatusNotFound, fmt.Sprintf(format, args...)}
}

func unavailable(format string, args ...any) error {
	return &problem{http.StatusServiceUnavailable, fmt.Sprintf(format, args...)}
}

var errNone = unavailable("the migration is not in the ledger yet: start producer run, and look again; the aggregator's log says which one it waits for")

// statusOf is the status of an error, and what is told of it.
func statusOf(err error) (status int, text string) {
	if p := (*problem)(nil); errors.As(err, &p) {
		return p.status, p.text
	}
	text = telemetry.Redact(err)
	switch {
	case errors.Is(err, ledger.ErrNotFound):
		return http.StatusNotFound, text
	case ledger.Lacks(err):
		return http.StatusForbidden, text + "; " + lacking
	}
	return http.StatusServiceUnavailable, text
}

// reply writes a body as JSON.
func reply(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"error":"the answer could not be written as JSON"}`)
	}
	send(w, status, append(text, '\n'))
}

// send writes a body that is JSON already.
func send(w http.ResponseWriter, status int, text []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text) // who asked has gone: nobody is left to tell
}

// fail answers with an error.
func fail(w http.ResponseWriter, r *http.Request, err error) {
	status, text := statusOf(err)
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="rehome"`)
	}
	if r.Method == http.MethodHead {
		w.WriteHeader(status)
		return
	}
	reply(w, status, map[string]string{"error": text})
}

// mostBody is how many bytes of a request are read: a list of a few thousand shards is the longest.
const mostBody = 256 << 10

// wantsJSON refuses what a form of another site could send.
func wantsJSON(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil || kind != "application/json" {
			fail(w, r, &problem{http.StatusUnsupportedMediaType, r.URL.Path + " takes Content-Type: application/json"})
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, mostBody)
		next(w, r)
	}
}

// read reads the body of a request, which has to be one JSON object with no other keys than into has.
func read(r *http.Request, into any) error {
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	if err == nil {
		if _, more := dec.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("data after its end")
			if more != nil && !isSyntax(more) {
				err = more
			}
		}
	}
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return &problem{http.StatusRequestEntityTooLarge, fmt.Sprintf("%s takes a body of at most %d bytes", r.URL.Path, tooLarge.Limit)}
	}
	if err != nil {
		return wrong("read the body of %s: %s", r.URL.Path, jsonFault(err))
	}
	return nil
}

func isSyntax(err error) bool {
	syntax := (*json.SyntaxError)(nil)
	return errors.As(err, &syntax)
}

// jsonFault tells what is wrong with a body, and nothing of what it holds: a user's key may be in it.
func jsonFault(err error) string {
	kind := (*json.UnmarshalTypeError)(nil)
	switch {
	case errors.As(err, &kind):
		return fmt.Sprintf("%s is no %s", kind.Field, kind.Type)
	case strings.HasPrefix(err.Error(), "json: unknown field"):
		return strings.TrimPrefix(err.Error(), "json: ")
	}
	return "it is not one JSON object"
}
