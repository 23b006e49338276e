package domain

// RoomID returns the id of a study's signalling room. Clients know this form.
func RoomID(studyID string) string { return "study-" + studyID + "-main" }
