package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"testing"
	"time"
)

// newClient returns an HTTP client whose connections are closed at the end of the test. Its timeout is longer than the server
// takes for any answer.
func newClient(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 256}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: time.Minute}
}

func send(client *http.Client, request *http.Request) (answer, error) {
	response, err := client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{Status: response.StatusCode, Header: response.Header, Raw: string(raw)}
	if err := json.Unmarshal(raw, &a.Body); err != nil {
		return a, fmt.Errorf("not JSON: %q: %w", raw, err)
	}
	if position := response.Header.Get("Event-Position"); position != "" {
		if a.Position, err = strconv.ParseInt(position, 10, 64); err != nil {
			return a, err
		}
	}
	return a, nil
}
