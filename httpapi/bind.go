package httpapi

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"
)

// maxBody is the most that a request may carry.
const maxBody = 64 << 10

// bind reads a JSON body into a value. Unknown fields are ignored, so that
// newer clients can talk to older services. The error says which field is wrong
// and never repeats what was sent.
func bind(c echo.Context, into any) error {
	kind := c.Request().Header.Get(echo.HeaderContentType)
	if kind != "" {
		media, params, err := mime.ParseMediaType(kind)
		charset := params["charset"]
		if err != nil || media != echo.MIMEApplicationJSON || charset != "" && !strings.EqualFold(charset, "utf-8") {
			return newProblem("unsupported_media_type", nil)
		}
	}
	body, err := io.ReadAll(c.Request().Body)
	if err != nil {
		return readProblem(err)
	}
	if len(body) == 0 {
		return invalid("The body is empty: send a JSON object.")
	}
	if !utf8.Valid(body) {
		return invalid("The body is not UTF-8.")
	}
	err = json.Unmarshal(body, into)
	var wrongType *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrongType) && wrongType.Field != "":
		return invalid("The field %s is of another type: a %s is expected.", wrongType.Field, jsonType(wrongType.Type.Kind().String()))
	case errors.As(err, &wrongType):
		return invalid("The body is not a JSON object.")
	default:
		return invalid("The body is not valid JSON.")
	}
}

// readProblem tells a body that is too large from one that never came whole.
func readProblem(err error) error {
	if p := problemOf(err); p.Code == "body_too_large" {
		return p
	}
	return invalid("The body could not be read to its end.")
}

func jsonType(kind string) string {
	switch kind {
	case "bool":
		return "boolean"
	case "slice":
		return "array"
	case "struct", "map":
		return "object"
	case "string":
		return "string"
	}
	return "number"
}

// checkText refuses text that is too long, counted in characters, or that holds
// control characters: they break logs, and PostgreSQL takes no zero byte.
func checkText(field, text string, most int) error {
	if utf8.RuneCountInString(text) > most {
		return invalid("The field %s is too long: %d characters at most.", field, most)
	}
	for _, r := range text {
		if r < ' ' || r == 0x7f {
			return invalid("The field %s holds a control character.", field)
		}
	}
	return nil
}

// checkPrintable refuses text that is empty, too long, or not printable ASCII.
func checkPrintable(field, text string, most int) error {
	if text == "" {
		return invalid("The field %s is missing.", field)
	}
	if len(text) > most {
		return invalid("The field %s is too long: %d characters at most.", field, most)
	}
	for _, r := range text {
		if r <= ' ' || r >= 0x7f {
			return invalid("The field %s holds a character that is not printable ASCII.", field)
		}
	}
	return nil
}
