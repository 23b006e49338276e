// Package postgres opens the database: a connection pool, the migrations, and the classification of errors.
//
// It knows Postgres and its driver, and nothing of calls, events or tables, which belong to the packages that own them. Package
// embedded runs a Postgres of our own, and package postgrestest gives every test its own database.
package postgres
