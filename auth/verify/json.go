package verify

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds nesting in headers and claims; ours nest two deep.
const maxDepth = 16

// maxTime is the first second of the year 10000, which RFC 3339 cannot write.
const maxTime = 253402300800

// member is one name and its value, as text, of a JSON object.
type member struct {
	name string
	raw  []byte
}

// object is a JSON object in the order in which it was written. No two names in
// it are equal, not even without regard to case.
type object []member

// get returns the value of exactly this name. encoding/json would also take
// "SUB" for "sub".
func (o object) get(name string) ([]byte, bool) {
	for i := range o {
		if o[i].name == name {
			return o[i].raw, true
		}
	}
	return nil, false
}

var (
	errNotObject = errors.New("not a JSON object in UTF-8")
	errDuplicate = errors.New("a name occurs twice, or in two spellings")
	errTooDeep   = errors.New("nested too deeply")
)

// parseObject reads one JSON object strictly: UTF-8 (RFC 8725 section 3.7),
// nothing after it, and in it and below it no two names that are equal or that
// differ only in case. RFC 8259 leaves open what duplicates mean, and readers
// of a token that choose differently can be played off against each other.
func parseObject(data []byte) (object, error) {
	if !utf8.Valid(data) || !json.Valid(data) {
		return nil, errNotObject
	}
	// From here on the syntax is known to be right; the walk only has to find
	// its way.
	w := walker{data: data}
	w.space()
	if w.data[w.pos] != '{' {
		return nil, errNotObject
	}
	return w.object(1)
}

type walker struct {
	data []byte
	pos  int
}

func (w *walker) space() {
	for w.pos < len(w.data) {
		switch w.data[w.pos] {
		case ' ', '\t', '\r', '\n':
			w.pos++
		default:
			return
		}
	}
}

func (w *walker) object(depth int) (object, error) {
	if depth > maxDepth {
		return nil, errTooDeep
	}
	members := make(object, 0, 10)
	w.pos++ // {
	for {
		w.space()
		switch w.data[w.pos] {
		case '}':
			w.pos++
			return members, nil
		case ',':
			w.pos++
			continue
		}
		name, err := unquote(w.string())
		if err != nil {
			return nil, errNotObject
		}
		for i := range members {
			if strings.EqualFold(members[i].name, name) {
				return nil, errDuplicate
			}
		}
		w.space()
		w.pos++ // :
		w.space()
		start := w.pos
		if err := w.value(depth); err != nil {
			return nil, err
		}
		members = append(members, member{name: name, raw: w.data[start:w.pos]})
	}
}

// value steps over one value, checking the objects inside it.
func (w *walker) value(depth int) error {
	switch w.data[w.pos] {
	case '{':
		_, err := w.object(depth + 1)
		return err
	case '[':
		if depth+1 > maxDepth {
			return errTooDeep
		}
		w.pos++
		for {
			w.space()
			switch w.data[w.pos] {
			case ']':
				w.pos++
				return nil
			case ',':
				w.pos++
			default:
				if err := w.value(depth + 1); err != nil {
					return err
				}
			}
		}
	case '"':
		w.string()
	default: // a number, true, false, null
		for w.pos < len(w.data) && !strings.ContainsRune(",]} \t\r\n", rune(w.data[w.pos])) {
			w.pos++
		}
	}
	return nil
}

// string steps over a string and returns it with its quotes.
func (w *walker) string() []byte {
	start := w.pos
	w.pos++
	for w.data[w.pos] != '"' {
		if w.data[w.pos] == '\\' {
			w.pos++
		}
		w.pos++
	}
	w.pos++
	return w.data[start:w.pos]
}

// unquote returns the text of a JSON string with its quotes.
func unquote(raw []byte) (string, error) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", errors.New("not a string")
	}
	plain := raw[1 : len(raw)-1]
	for _, c := range plain {
		if c == '\\' {
			var text string
			err := json.Unmarshal(raw, &text)
			return text, err
		}
	}
	return string(plain), nil
}

// unquoteAll returns the texts of a JSON array of strings.
func unquoteAll(raw []byte) ([]string, error) {
	if len(raw) == 0 || raw[0] != '[' {
		return nil, errors.New("not an array")
	}
	// Not into a []string: encoding/json would take a null for "".
	var elements []json.RawMessage
	if err := json.Unmarshal(raw, &elements); err != nil {
		return nil, err
	}
	texts := make([]string, len(elements))
	for i, element := range elements {
		text, err := unquote(element)
		if err != nil {
			return nil, err
		}
		texts[i] = text
	}
	return texts, nil
}

// numericDate reads a time as we issue it: whole seconds, greater than zero and
// before the year 10000. RFC 7519 also allows fractions; we never write them,
// and exponents and huge numbers are where readers disagree.
func numericDate(raw []byte) (int64, error) {
	seconds, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil || seconds <= 0 || seconds >= maxTime {
		return 0, errors.New("not a time in whole seconds")
	}
	return seconds, nil
}
