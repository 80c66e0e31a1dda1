package standin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
)

// Query reads a request's query. A parameter that comes twice is what no correct
// client sends: it is answered with 500, and Query reports false.
func Query(w http.ResponseWriter, r *http.Request) (url.Values, bool) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		http.Error(w, "standin: a query that is not well-formed", http.StatusInternalServerError)
		return nil, false
	}
	for name, values := range query {
		if len(values) > 1 {
			http.Error(w, fmt.Sprintf("standin: the parameter %q comes %d times", name, len(values)), http.StatusInternalServerError)
			return nil, false
		}
	}
	return query, true
}

// WriteJSON answers with a JSON object and the status 200.
func WriteJSON(w http.ResponseWriter, fields map[string]any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(fields)
}
