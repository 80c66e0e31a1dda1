package httpapi

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/wugan/wugan/auth/verify/jsonobject"
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
	room := takeBodyRoom()
	defer room.release()
	body, err := room.read(c)
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
	room.members, err = decodeObject(body, room.members, into)
	return true, err
}

// bodyRoom is memory for a body and its members. No value that is decoded refers to
// it, so it can be used again.
type bodyRoom struct {
	data    []byte
	members jsonobject.Object
}

var bodyRooms = sync.Pool{New: func() any { return &bodyRoom{members: make(jsonobject.Object, 0, 10)} }}

func takeBodyRoom() *bodyRoom {
	return bodyRooms.Get().(*bodyRoom) //nolint:forcetypeassert // nothing else is in the pool
}

// keptBody is the size of the largest buffer that is kept for another body.
const keptBody = 8 << 10

// release keeps the memory for another body. It is cleared, so that no token stays in
// it.
func (b *bodyRoom) release() {
	if cap(b.data) > keptBody {
		return
	}
	clear(b.data[:cap(b.data)])
	clear(b.members[:cap(b.members)])
	bodyRooms.Put(b)
}

// read reads the body of a request. The result is valid until release.
func (b *bodyRoom) read(c echo.Context) ([]byte, error) {
	if err := checkCoding(c); err != nil {
		return nil, err
	}
	length := c.Request().ContentLength
	if length < 0 || length > maxBody {
		return readAll(c.Request().Body)
	}
	b.data = slices.Grow(b.data[:0], int(length))[:length]
	if _, err := io.ReadFull(c.Request().Body, b.data); err != nil {
		return nil, readProblem(err)
	}
	return b.data, nil
}

// readBody reads a body, which withLimits has limited.
func readBody(c echo.Context) ([]byte, error) {
	if err := checkCoding(c); err != nil {
		return nil, err
	}
	return readAll(c.Request().Body)
}

func readAll(from io.Reader) ([]byte, error) {
	body, err := io.ReadAll(from)
	if err != nil {
		return nil, readProblem(err)
	}
	return body, nil
}

// checkCoding refuses a compressed body, because 64 KiB may decompress to gigabytes, and
// tells the client so (RFC 9110 section 12.5.3).
func checkCoding(c echo.Context) error {
	coding := strings.Join(c.Request().Header.Values(echo.HeaderContentEncoding), ",")
	if coding != "" && !strings.EqualFold(coding, "identity") && c.Request().ContentLength != 0 {
		c.Response().Header().Set(echo.HeaderAcceptEncoding, "identity")
		p := newProblem(codeUnsupportedMediaType, nil)
		p.Detail = "The body is compressed: send it as it is, without Content-Encoding."
		return p
	}
	return nil
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
