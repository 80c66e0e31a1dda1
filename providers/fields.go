package providers

import (
	"encoding/json"
	"strconv"
)

// Fields is a JSON object of a platform's, by exact names: encoding/json would
// match a struct's fields without regard to case, and success may carry
// unknown ones. A field of another type than asked for counts as missing.
type Fields map[string]json.RawMessage

// Has reports whether a member is there and not null.
func (f Fields) Has(name string) bool {
	raw, ok := f[name]
	return ok && string(raw) != "null"
}

// Text returns a string; "" where it is none.
func (f Fields) Text(name string) string {
	var s string
	if json.Unmarshal(f[name], &s) != nil {
		return ""
	}
	return s
}

// TextOrNumber is for fields that are documented as one and come as the other.
func (f Fields) TextOrNumber(name string) string {
	var n json.Number
	// json.Number takes a JSON string too, if it holds a number.
	if json.Unmarshal(f[name], &n) != nil {
		return f.Text(name)
	}
	return n.String()
}

// Integer returns a whole number, which may come as a string.
func (f Fields) Integer(name string) (int64, bool) {
	n, err := strconv.ParseInt(f.TextOrNumber(name), 10, 64)
	return n, err == nil
}

// Object returns an object; nil where it is none.
func (f Fields) Object(name string) Fields {
	var o Fields
	if json.Unmarshal(f[name], &o) != nil {
		return nil
	}
	return o
}

// Number reads a member that says by a number whether the call succeeded. It
// returns 0 where there is none, as on success. It reports false for anything
// else than a whole number, which may come as a string.
func (f Fields) Number(name string) (int, bool) {
	if !f.Has(name) {
		return 0, true
	}
	n, err := strconv.Atoi(f.TextOrNumber(name))
	return n, err == nil
}
