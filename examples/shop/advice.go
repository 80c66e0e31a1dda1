package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

// adviceInterval is the time between two pieces of an answer.
const adviceInterval = 40 * time.Millisecond

// advice is what the shop answers to every question, in the pieces in which it
// sends it.
var advice = []string{"龙井用", "八十度的水，", "泡两分钟，", "第二泡", "最好🍵"}

// giveAdvice answers a question in server-sent events, as AI services do. A
// refusal comes before the first event, as an ordinary 401.
func giveAdvice(c echo.Context) error {
	var asked struct {
		Question string `json:"question"`
	}
	if err := c.Bind(&asked); err != nil {
		return err
	}
	w := c.Response()
	w.Header().Set(echo.HeaderContentType, "text/event-stream")
	w.Header().Set(echo.HeaderCacheControl, "no-store")
	w.WriteHeader(http.StatusOK)
	for _, piece := range append([]string{asked.Question + "："}, advice...) {
		data, err := json.Marshal(piece)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "data: %s\n\n", data); err != nil {
			return nil //nolint:nilerr // the client has left
		}
		w.Flush()
		select {
		case <-c.Request().Context().Done():
			return nil
		case <-time.After(adviceInterval):
		}
	}
	return nil
}
