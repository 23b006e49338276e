package commands

// Waiting is how many commands lie on a study's desk, besides those that are being dealt with.
func (h *Handlers) Waiting(studyID string) int {
	d := h.desk(studyID)
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.waiting)
}
