// Package jsonobject cuts JSON objects into their members, by exact names.
//
// encoding/json takes "SUB" for "sub", and RFC 8259 leaves open what a name means
// that occurs twice. Readers that choose differently can be played off against
// each other: a gateway judges one value, the service behind it acts on another.
// This package gives a caller the members as they were written, in one pass and
// without copying them; the caller says what duplicates mean.
//
// It does not look at the encoding: utf8.Valid does.
package jsonobject

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"
)

// maxDepth bounds the nesting of what is read, as encoding/json does.
const maxDepth = 10_000

var (
	// ErrNotObject is the error for what is not one JSON object, with nothing but
	// white space around it.
	ErrNotObject = errors.New("not a JSON object")
	// ErrDuplicate is the error for two names that are equal, or that differ only
	// in case.
	ErrDuplicate = errors.New("a name occurs twice, or in two spellings")
	// ErrTooDeep is the error for more nesting than the caller allows.
	ErrTooDeep = errors.New("nested too deeply")
)

// Member is one name, with its escapes resolved, and its value as it was written.
type Member struct {
	Name, Value []byte
}

// Object is the members of a JSON object in the order in which they were written.
// They are parts of the text that was read, and keep it alive.
type Object []Member

// Read cuts one JSON object (RFC 8259) into its members. The error is
// [ErrNotObject].
func Read(data []byte) (Object, error) {
	r := reader{data: data}
	if r.space(); r.peek() != '{' {
		return nil, ErrNotObject
	}
	members := make(Object, 0, 10)
	if !r.object(1, &members) {
		return nil, ErrNotObject
	}
	if r.space(); r.pos != len(data) {
		return nil, ErrNotObject
	}
	return members, nil
}

// Get returns the value of exactly this name; of several, the last one, which is
// the one that encoding/json keeps.
func (o Object) Get(name string) ([]byte, bool) {
	for i := len(o) - 1; i >= 0; i-- {
		if string(o[i].Name) == name {
			return o[i].Value, true
		}
	}
	return nil, false
}

// Distinct returns [ErrDuplicate] if two names in the object, or in one below it,
// are equal or differ only in case, and [ErrTooDeep] if objects and arrays are
// nested more than depth deep, this one included.
func (o Object) Distinct(depth int) error {
	if depth < 1 {
		return ErrTooDeep
	}
	for i := range o {
		for k := range i {
			if sameName(o[i].Name, o[k].Name) {
				return ErrDuplicate
			}
		}
		if err := distinct(o[i].Value, depth-1); err != nil {
			return err
		}
	}
	return nil
}

// distinct looks into a value.
func distinct(value []byte, depth int) error {
	switch value[0] {
	case '{':
		inner, err := Read(value)
		if err != nil {
			return err
		}
		return inner.Distinct(depth)
	case '[':
		if depth < 1 {
			return ErrTooDeep
		}
		if !bytes.ContainsAny(value[1:], "{[") {
			return nil // texts and numbers alone
		}
		var elements []json.RawMessage
		if err := json.Unmarshal(value, &elements); err != nil {
			return ErrNotObject
		}
		for _, element := range elements {
			if err := distinct(element, depth-1); err != nil {
				return err
			}
		}
	}
	return nil
}

// sameName reports whether two names are equal without regard to case. Only
// beyond ASCII does case change the length of a letter: U+212A folds to k.
func sameName(a, b []byte) bool {
	return (len(a) == len(b) || !ascii(a) || !ascii(b)) && bytes.EqualFold(a, b)
}

func ascii(text []byte) bool {
	for _, c := range text {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// Plain returns what stands between the quotes of a JSON string that has no
// escapes, without copying it; false for every other value.
func Plain(value []byte) ([]byte, bool) {
	if len(value) < 2 || value[0] != '"' || bytes.IndexByte(value, '\\') >= 0 {
		return nil, false
	}
	return value[1 : len(value)-1], true
}

// Text returns the text of a JSON string; false for every other value.
func Text(value []byte) (string, bool) {
	if plain, ok := Plain(value); ok {
		return string(plain), true
	}
	if len(value) < 2 || value[0] != '"' {
		return "", false
	}
	var text string
	err := json.Unmarshal(value, &text)
	return text, err == nil
}
