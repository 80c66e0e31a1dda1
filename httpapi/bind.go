package httpapi

import (
	"io"
	"mime"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"
)

// maxBody is the most that a request may carry.
const maxBody = 64 << 10

// bind reads a JSON body into a struct. Unknown fields are ignored, so that
// newer clients can talk to older services. The error says which field is wrong
// and never repeats what was sent.
func bind(c echo.Context, into any) error {
	found, err := bindIfAny(c, into)
	if err == nil && !found {
		return invalid("The body is empty: send a JSON object.")
	}
	return err
}

// bindIfAny is bind for a request that may come without a body, and tells
// whether it has one. Only reading tells: a body may come without its length.
func bindIfAny(c echo.Context, into any) (found bool, err error) {
	body, err := io.ReadAll(c.Request().Body)
	if err != nil {
		return false, readProblem(err)
	}
	if len(body) == 0 {
		return false, nil
	}
	if !isJSON(c.Request().Header.Get(echo.HeaderContentType)) {
		return true, newProblem("unsupported_media_type", nil)
	}
	if !utf8.Valid(body) {
		return true, invalid("The body is not UTF-8.")
	}
	return true, decodeObject(body, into)
}

// isJSON tells whether a Content-Type is that of JSON in UTF-8, or left out.
func isJSON(kind string) bool {
	if kind == "" {
		return true
	}
	media, params, err := mime.ParseMediaType(kind)
	charset := params["charset"]
	return err == nil && media == echo.MIMEApplicationJSON && (charset == "" || strings.EqualFold(charset, "utf-8"))
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
		return "a boolean"
	case "slice":
		return "an array"
	case "struct", "map":
		return "an object"
	case "string":
		return "a string"
	}
	return "a number"
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
