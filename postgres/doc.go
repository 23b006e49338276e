// Package postgres opens the database: a connection pool, the migrations, and the one answer to "is the database away?".
//
// It may know Postgres and its driver, and nothing of calls, events or tables: those belong to the packages that own
// them. Package embedded below it runs a Postgres of our own, package postgrestest gives every test its own database.
package postgres
