// Package sandbox runs private MariaDB, MySQL, PostgreSQL and NATS servers on loopback for the demo, the tests and the
// benchmark. It starts installed binaries under directories of its own and leaves nothing behind; it knows nothing of
// rehome's schemas, and the generated legacy population lives in the package community.
//
// Servers die with the process that started them, even when it is killed; a directory that a killed process could not
// remove is removed by the next start of any sandbox of the same user.
//
// Tests that look for leaked goroutines ignore the sandbox's own with goleak.IgnoreCurrent, taken after they have their
// databases.
package sandbox
