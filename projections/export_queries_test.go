package projections

// The statements of the queries, for the tests of their plans.
var (
	HistorySQL     = historySQL()
	UserStatsSQL   = userStatsSQL()
	StudyStatsSQL  = studyStatsSQL
	OpenSessionSQL = openSessionSQL()
	SessionSQL     = sessionSQL()
	OpenCallsSQL   = openCallsSQL()
)
