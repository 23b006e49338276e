package domain

import "strings"

const (
	roomPrefix = "study-"
	roomSuffix = "-main"
)

// RoomID names the live signalling group of a study. The form is part of the contract.
func RoomID(studyID string) string { return roomPrefix + studyID + roomSuffix }

// StudyOfRoom is the study that a room's id names; ok is false for what is no room's id.
func StudyOfRoom(roomID string) (studyID string, ok bool) {
	studyID, found := strings.CutPrefix(roomID, roomPrefix)
	if !found {
		return "", false
	}
	studyID, found = strings.CutSuffix(studyID, roomSuffix)
	return studyID, found && studyID != ""
}
