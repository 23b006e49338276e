package commands

// Queued returns how many requests are in the queue of a study's worker, without the batch in progress.
func (h *Handlers) Queued(studyID string) int {
	w := h.worker(studyID)
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.queue)
}
