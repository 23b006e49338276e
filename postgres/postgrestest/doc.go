// Package postgrestest gives every test a Postgres database of its own, without set-up.
//
// All test processes of a user share one embedded server: the first starts it, the last stops it. Its data is kept between runs, in
// /dev/shm if there is room, otherwise in the folder for temporary files. The migrations run once per version, in a template. A
// test's database is a copy of the template, made in some tens of milliseconds.
//
//	func TestMain(m *testing.M) { postgrestest.Main(m) }
//
//	func TestSomething(t *testing.T) {
//		t.Parallel()
//		pool := postgrestest.New(t)
//		...
//
// Only tests import it. It knows the migrations, and nothing of the tables that they create.
package postgrestest
