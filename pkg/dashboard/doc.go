// Package dashboard serves the pages on which people watch a migration, and the API that these pages ask: it looks at the ledger once for all who look, keeps
// strangers and other sites out, and hands what a person decides to who does it. It draws nothing, which is done by the pages under assets, and it decides nothing.
//
// # The API
//
// All of it is JSON under /api/v1; the structs of this package are its shapes. An error is {"error": "what was attempted, on what, why, what to do next"} with
// status 400 (the request is wrong), 401 (sign in first), 403 (another site asked, or a right in the database is missing), 404, 405, 409 (refused
// as things stand), 413, 415, 421 (a name that the dashboard does not go by), 429, 501 (this aggregator was not given what it takes) or 503 (there is no migration
// yet, or the ledger cannot be reached).
//
//	GET    /                        the page; its parts are under /assets/
//	POST   /session                 {"token"} signs in: 204, and a cookie; 401 where the token is another. DELETE signs out. GET: {"signed_in", "needed"}
//	GET    /overview                Overview
//	GET    /shards                  ShardMap
//	GET    /shards/17               Shard
//	GET    /dead                    producer.DeadList
//	GET    /dead/17.1               producer.DeadShow, without the users' keys; needs the token, and LEGACY_DSN (else 501)
//	POST   /dead/republish          Republish; answers producer.Republication
//	POST   /dead/discard            Discard; answers Discarded
//	GET    /quarantine              Quarantine
//	POST   /explain                 {"user"}; answers aggregator.Explanation; needs the token
//	POST   /pause                   {"now", "reason"}; answers producer.Standing. POST /resume {} likewise
//	GET    /report                  report.Report; /report.html is the same to hand out
//	GET    /events                  server-sent events
//
// Where the pages are on this machine alone, whoever reads needs no token; every POST but to /session, /dead/ID and /explain need it always. Elsewhere all of the API does, but for
// /session. A script sends the token as "Authorization: Bearer TOKEN".
//
// # Events
//
// Each event's data is one line of JSON. "overview" is an Overview, when something has changed, at most once a second. "shards" is a ShardChanges
// from the version before: a client that has another version than the one before asks for /shards anew. The first one of a connection has no changes, and tells
// which version the others go on from. "dead" is {} when a shard has died, or is dead no more. "trouble" is {"error"} when the ledger could not be asked, "closing" is {}
// before the aggregator ends. A comment comes every 15 seconds.
package dashboard
