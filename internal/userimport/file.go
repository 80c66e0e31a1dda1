package userimport

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// maxLine bounds a line of JSON.
const maxLine = 64 << 10

// source yields the rows of a file. The row is nil for a line that cannot be read,
// of which problem tells. The error is io.EOF at the end; any other one is that of
// the file as a whole.
type source interface {
	next() (line int, r *row, problem string, err error)
}

// open tells CSV from JSON lines by the first character.
func open(f io.Reader) (source, error) {
	in := bufio.NewReaderSize(f, maxLine)
	if start, _ := in.Peek(3); bytes.Equal(start, []byte("\xef\xbb\xbf")) { // a byte order mark
		_, _ = in.Discard(3)
	}
	for n := 1; ; n++ {
		start, err := in.Peek(n)
		if text := bytes.TrimSpace(start); len(text) > 0 {
			if text[0] == '{' {
				return &jsonLines{in: in}, nil
			}
			return newCSV(in)
		}
		if err != nil {
			return nil, errors.New("the file is empty: expected CSV with a header, or JSON lines")
		}
	}
}

type csvFile struct {
	in  *csv.Reader
	set []func(r *row, cell string)
}

func newCSV(in io.Reader) (source, error) {
	c := &csvFile{in: csv.NewReader(in)}
	c.in.ReuseRecord = true
	header, err := c.in.Read()
	if err != nil {
		return nil, fmt.Errorf("the header cannot be read: %w", err)
	}
	for i, name := range header {
		name = strings.TrimSpace(name)
		set := columns[name]
		switch {
		case set == nil:
			return nil, fmt.Errorf("line 1: column %d is none of appId, openid, unionid, nickname, avatarUrl, phone, roles, metadata, createdAt", i+1)
		case slices.Contains(header[:i], name):
			return nil, fmt.Errorf("line 1: the column %s comes twice", name)
		}
		c.set = append(c.set, set)
	}
	if !slices.Contains(header, "appId") || !slices.Contains(header, "openid") {
		return nil, errors.New("line 1: the columns appId and openid are needed")
	}
	return c, nil
}

func (c *csvFile) next() (int, *row, string, error) {
	cells, err := c.in.Read()
	var wrong *csv.ParseError
	switch {
	case errors.As(err, &wrong):
		return wrong.StartLine, nil, "is no CSV: " + wrong.Err.Error(), nil
	case err != nil:
		return 0, nil, "", err
	}
	line, _ := c.in.FieldPos(0)
	r := &row{}
	for i, cell := range cells {
		c.set[i](r, strings.Clone(cell))
	}
	return line, r, "", nil
}

type jsonLines struct {
	in   *bufio.Reader
	line int
}

func (j *jsonLines) next() (int, *row, string, error) {
	for {
		text, err := j.in.ReadSlice('\n')
		j.line++
		if errors.Is(err, bufio.ErrBufferFull) {
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = j.in.ReadSlice('\n')
			}
			return j.line, nil, fmt.Sprintf("has more than %d bytes", maxLine), nil
		}
		if err != nil && (!errors.Is(err, io.EOF) || len(text) == 0) {
			return 0, nil, "", err
		}
		if text = bytes.TrimSpace(text); len(text) == 0 {
			continue
		}
		r := &row{}
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		var wrong *json.UnmarshalTypeError
		switch err := decoder.Decode(r); {
		case errors.As(err, &wrong):
			return j.line, nil, "has a member " + wrong.Field + " of another type", nil
		case err != nil && strings.Contains(err.Error(), "unknown field"):
			return j.line, nil, "has a member that is not known", nil
		case err != nil || decoder.InputOffset() != int64(len(text)):
			return j.line, nil, "is not one JSON object", nil //nolint:nilerr // what is wrong with a line does not end the file
		}
		return j.line, r, "", nil
	}
}
