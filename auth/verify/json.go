package verify

import (
	"bytes"
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
//
// The values are parts of data and keep it alive.
func parseObject(data []byte) (object, error) {
	if !utf8.Valid(data) {
		return nil, errNotObject
	}
	r := reader{data: data}
	if r.space(); r.peek() != '{' {
		return nil, errNotObject
	}
	members, err := r.object(1)
	if err != nil {
		return nil, err
	}
	if r.space(); r.pos != len(data) {
		return nil, errNotObject
	}
	return members, nil
}

// reader checks the grammar of RFC 8259 and cuts an object into its members in
// one pass over the text.
type reader struct {
	data []byte
	pos  int
}

// peek returns the next byte, and 0, which begins nothing in JSON, at the end.
func (r *reader) peek() byte {
	if r.pos < len(r.data) {
		return r.data[r.pos]
	}
	return 0
}

// accept steps over one byte if it is the next.
func (r *reader) accept(c byte) bool {
	if r.peek() != c {
		return false
	}
	r.pos++
	return true
}

func (r *reader) space() {
	for r.pos < len(r.data) {
		switch r.data[r.pos] {
		case ' ', '\t', '\r', '\n':
			r.pos++
		default:
			return
		}
	}
}

// object reads from the opening brace to the closing one.
func (r *reader) object(depth int) (object, error) {
	if depth > maxDepth {
		return nil, errTooDeep
	}
	r.pos++
	members := make(object, 0, 10)
	if r.space(); r.accept('}') {
		return members, nil
	}
	for {
		r.space()
		name, err := r.name()
		if err != nil {
			return nil, err
		}
		for i := range members {
			if sameName(members[i].name, name) {
				return nil, errDuplicate
			}
		}
		if r.space(); !r.accept(':') {
			return nil, errNotObject
		}
		r.space()
		start := r.pos
		if err := r.value(depth); err != nil {
			return nil, err
		}
		members = append(members, member{name: name, raw: r.data[start:r.pos]})
		r.space()
		switch {
		case r.accept('}'):
			return members, nil
		case !r.accept(','):
			return nil, errNotObject
		}
	}
}

// array reads from the opening bracket to the closing one.
func (r *reader) array(depth int) error {
	if depth > maxDepth {
		return errTooDeep
	}
	r.pos++
	if r.space(); r.accept(']') {
		return nil
	}
	for {
		r.space()
		if err := r.value(depth); err != nil {
			return err
		}
		r.space()
		switch {
		case r.accept(']'):
			return nil
		case !r.accept(','):
			return errNotObject
		}
	}
}

// value steps over one value of an object or array of this depth.
func (r *reader) value(depth int) error {
	var ok bool
	switch r.peek() {
	case '{':
		_, err := r.object(depth + 1)
		return err
	case '[':
		return r.array(depth + 1)
	case '"':
		ok = r.text()
	case 't':
		ok = r.literal("true")
	case 'f':
		ok = r.literal("false")
	case 'n':
		ok = r.literal("null")
	default:
		ok = r.number()
	}
	if !ok {
		return errNotObject
	}
	return nil
}

func (r *reader) literal(text string) bool {
	if !bytes.HasPrefix(r.data[r.pos:], []byte(text)) {
		return false
	}
	r.pos += len(text)
	return true
}

// text steps over a string.
func (r *reader) text() bool {
	if !r.accept('"') {
		return false
	}
	for r.pos < len(r.data) {
		switch c := r.data[r.pos]; {
		case c == '"':
			r.pos++
			return true
		case c < ' ':
			return false
		case c == '\\':
			r.pos++
			if !r.escaped() {
				return false
			}
		default:
			r.pos++
		}
	}
	return false
}

// escaped steps over what follows a backslash.
func (r *reader) escaped() bool {
	switch r.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		r.pos++
		return true
	case 'u':
		const digits = 4
		if len(r.data)-r.pos <= digits {
			return false
		}
		for _, c := range r.data[r.pos+1 : r.pos+1+digits] {
			if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
				return false
			}
		}
		r.pos += 1 + digits
		return true
	}
	return false
}

// number steps over a number (RFC 8259 section 6).
func (r *reader) number() bool {
	r.accept('-')
	if !r.accept('0') && !r.digits() {
		return false
	}
	if r.accept('.') && !r.digits() {
		return false
	}
	if r.accept('e') || r.accept('E') {
		if !r.accept('+') {
			r.accept('-')
		}
		return r.digits()
	}
	return true
}

// digits steps over decimal digits; there must be one.
func (r *reader) digits() bool {
	start := r.pos
	for c := r.peek(); c >= '0' && c <= '9'; c = r.peek() {
		r.pos++
	}
	return r.pos > start
}

// name reads the name of a member. Those that most tokens have cost no memory.
func (r *reader) name() (string, error) {
	start := r.pos
	if !r.text() {
		return "", errNotObject
	}
	raw := r.data[start:r.pos]
	if name, ok := known(raw[1 : len(raw)-1]); ok {
		return name, nil
	}
	name, err := unquote(raw)
	if err != nil {
		return "", errNotObject
	}
	return name, nil
}

// sameName reports whether two names are equal without regard to case. Only
// beyond ASCII does case change the length of a letter: U+212A folds to k.
func sameName(a, b string) bool {
	return (len(a) == len(b) || !ascii(a) || !ascii(b)) && strings.EqualFold(a, b)
}

func ascii(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// plain returns what stands between the quotes of a JSON string; false where it
// is no string, or one with escapes, which unquote reads.
func plain(raw []byte) ([]byte, bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return nil, false
	}
	inner := raw[1 : len(raw)-1]
	for _, c := range inner {
		if c == '\\' {
			return nil, false
		}
	}
	return inner, true
}

// unquote returns the text of a JSON string with its quotes.
func unquote(raw []byte) (string, error) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", errors.New("not a string")
	}
	if inner, ok := plain(raw); ok {
		return string(inner), nil
	}
	var text string
	err := json.Unmarshal(raw, &text)
	return text, err
}

// filled reports whether raw is a JSON string that is not empty.
func filled(raw []byte) bool {
	if inner, ok := plain(raw); ok {
		return len(inner) > 0
	}
	text, err := unquote(raw)
	return err == nil && text != ""
}

// spells reports whether raw is the JSON string of text.
func spells(raw []byte, text string) bool {
	if inner, ok := plain(raw); ok {
		return string(inner) == text
	}
	got, err := unquote(raw)
	return err == nil && got == text
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
