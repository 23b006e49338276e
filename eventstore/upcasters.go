package eventstore

import "encoding/json"

// Upcasters lift stored data from one schema to the next. They stay for ever, as the events do.

// liftSessionStarted1 gives the user the key that the user has in every other event, so that subscribers find it there.
func liftSessionStarted1(data []byte) ([]byte, error) {
	var old struct {
		StartedBy string `json:"startedBy"`
	}
	if err := json.Unmarshal(data, &old); err != nil {
		return nil, err
	}
	return json.Marshal(userData{UserID: old.StartedBy})
}
