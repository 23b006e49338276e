// Package postgrestest gives every test a Postgres database of its own, cheaply, with no set-up.
//
// All test processes of a user share one embedded server: the first starts it, the last stops it. Its data is kept between
// runs, in /dev/shm if there is room, else in the folder for temporary files. Migrating happens once per version of the
// migrations, into a template; a test's database is a copy of that, made in some tens of milliseconds.
//
//	func TestMain(m *testing.M) { postgrestest.Main(m) }
//
//	func TestSomething(t *testing.T) {
//		t.Parallel()
//		pool := postgrestest.New(t)
//		...
//
// It is for tests only, and may know the migrations but nothing of what they create.
package postgrestest
