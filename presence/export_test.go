package presence

// The queries that run again and again, for a look at how Postgres goes about them.
const (
	LapsedSQL    = lapsedSQL
	LeasesSQL    = leasesSQL
	HeldSQL      = heldSQL
	ElsewhereSQL = elsewhereSQL
	LoseAllSQL   = loseAllSQL
)
