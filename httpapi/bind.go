package httpapi

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"
)

// maxBody is the maximum size of a request body in bytes.
const maxBody = 64 << 10

// bind decodes a JSON body into a struct. It ignores unknown fields, so that newer
// clients can use older services. The error names the invalid field and never contains
// its value.
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
	body, err := readBody(c)
	if err != nil || len(body) == 0 {
		return false, err
	}
	if err := checkJSON(c.Request().Header); err != nil {
		return true, err
	}
	// RFC 8259 section 8.1 allows a reader to skip a byte order mark, which some
	// editors and platforms write.
	body = bytes.TrimPrefix(body, []byte("\uFEFF"))
	if !utf8.Valid(body) {
		return true, invalid("The body is not UTF-8.")
	}
	return true, decodeObject(body, into)
}

// readBody reads a body, which withLimits has limited. It refuses a compressed body,
// because 64 KiB may decompress to gigabytes, and tells the client so (RFC 9110 section
// 12.5.3).
func readBody(c echo.Context) ([]byte, error) {
	coding := strings.Join(c.Request().Header.Values(echo.HeaderContentEncoding), ",")
	if coding != "" && !strings.EqualFold(coding, "identity") && c.Request().ContentLength != 0 {
		c.Response().Header().Set(echo.HeaderAcceptEncoding, "identity")
		p := newProblem(codeUnsupportedMediaType, nil)
		p.Detail = "The body is compressed: send it as it is, without Content-Encoding."
		return nil, p
	}
	body, err := io.ReadAll(c.Request().Body)
	if err != nil {
		return nil, readProblem(err)
	}
	return body, nil
}

// checkJSON returns an error unless the Content-Type is JSON in UTF-8 or missing.
func checkJSON(h http.Header) error {
	kind := h.Get(echo.HeaderContentType)
	if kind == "" || kind == echo.MIMEApplicationJSON {
		return nil
	}
	media, params, err := mime.ParseMediaType(kind)
	p := newProblem(codeUnsupportedMediaType, nil)
	switch charset := params["charset"]; {
	case err != nil:
		p.Detail = "The header Content-Type is malformed: send the body as application/json in UTF-8."
	case media != echo.MIMEApplicationJSON:
		p.Detail = "The Content-Type is not application/json: send the body as application/json in UTF-8."
	case charset != "" && !strings.EqualFold(charset, "utf-8"):
		p.Detail = "The charset of the Content-Type is not UTF-8: send the body as application/json in UTF-8."
	default:
		return nil
	}
	return p
}

// readProblem says why a body could not be read.
func readProblem(err error) error {
	if p := problemOf(err); p.Code == codeBodyTooLarge {
		return p
	}
	var network net.Error
	switch {
	case errors.As(err, &network) && network.Timeout():
		return invalid("The body did not come to its end within %s.", readWithin)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return invalid("The body ended before it was complete: it is shorter than Content-Length says, or its last chunk is missing.")
	}
	return invalid("The body could not be read to its end: its chunked transfer coding is malformed, or the connection broke.")
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

// checkText returns an error for a string with more than most characters or with
// control characters: they corrupt logs, and PostgreSQL cannot store a NUL.
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

// checkPrintable returns an error for a string that is empty, too long, or not
// printable ASCII.
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
