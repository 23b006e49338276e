package projections

// The statements of the queries, for the tests that look at their plans.
const (
	HistorySQL     = historySQL
	UserStatsSQL   = userStatsSQL
	StudyStatsSQL  = studyStatsSQL
	OpenSessionSQL = openSessionSQL
	SessionSQL     = sessionSQL
	OpenCallsSQL   = openCallsSQL
)
