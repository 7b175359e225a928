package dashboard

import (
	"context"
	"net/http"
	"time"
)

// answerWithin bounds how long a request may take that is no stream. To discard a shard counts its rows in the legacy database.
const (
	answerWithin = 30 * time.Second
	actWithin    = 10 * time.Minute
	readWithin   = 10 * time.Second // the body of a request
)

// A route answers with a value that becomes JSON, or with an error that becomes a status.
type route func(ctx context.Context, r *http.Request) (any, error)

func (d *Dashboard) routes(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", d.page)
	mux.HandleFunc("GET /assets/{name...}", d.asset)
	mux.HandleFunc("POST /api/v1/session", d.signIn)
	mux.HandleFunc("DELETE /api/v1/session", d.signOut)
	mux.HandleFunc("GET /api/v1/session", d.signedIn)

	d.reads(mux, "/api/v1/overview", d.overview)
	mux.HandleFunc("GET /api/v1/shards", d.reader(d.shardMap))
	d.reads(mux, "/api/v1/shards/{ordinal}", d.shard)
	d.reads(mux, "/api/v1/dead", d.deadList)
	d.reads(mux, "/api/v1/quarantine", d.quarantine)
	d.reads(mux, "/api/v1/report", d.report)
	mux.HandleFunc("GET /api/v1/report.html", d.reader(d.reportPage))
	mux.HandleFunc("GET /api/v1/events", d.reader(d.events))

	mux.HandleFunc("GET /api/v1/dead/{id}", d.knower(d.answer(actWithin, d.deadShow)))
	d.acts(mux, "/api/v1/dead/republish", d.republish)
	d.acts(mux, "/api/v1/dead/discard", d.discard)
	d.acts(mux, "/api/v1/explain", d.explain)
	d.acts(mux, "/api/v1/pause", d.pause)
	d.acts(mux, "/api/v1/resume", d.resume)
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, r, notFound("there is nothing at %s: the API is described in the documentation of package dashboard", r.URL.Path))
	})
}

func (d *Dashboard) reads(mux *http.ServeMux, path string, do route) {
	mux.HandleFunc("GET "+path, d.reader(d.answer(answerWithin, do)))
	mux.HandleFunc("POST "+path, onlyBy("GET"))
}

func (d *Dashboard) acts(mux *http.ServeMux, path string, do route) {
	mux.HandleFunc("POST "+path, d.knower(wantsJSON(d.answer(actWithin, do))))
	mux.HandleFunc("GET "+path, onlyBy("POST"))
}

// reader lets pass who may read: on this machine alone anybody.
func (d *Dashboard) reader(next http.HandlerFunc) http.HandlerFunc {
	if d.config.Access.open() {
		return next
	}
	return d.knower(next)
}

// knower lets pass who knows the token.
func (d *Dashboard) knower(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := d.sessions.admit(r); err != nil {
			fail(w, r, err)
			return
		}
		next(w, r)
	}
}

// answer answers with what do returns, or with its error.
func (d *Dashboard) answer(within time.Duration, do route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if d.migration() == "" {
			fail(w, r, errNone)
			return
		}
		// When the time to read a request is over, the server takes who sent it for gone.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(within + readWithin)) // where it cannot be set there is none
		ctx, cancel := context.WithTimeout(r.Context(), within)
		defer cancel()
		body, err := do(ctx, r)
		if err != nil {
			fail(w, r, err)
			return
		}
		reply(w, http.StatusOK, body)
	}
}

// onlyBy refuses a request by another method.
func onlyBy(method string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", method)
		fail(w, r, &problem{http.StatusMethodNotAllowed, r.URL.Path + " is asked by " + method})
	}
}
