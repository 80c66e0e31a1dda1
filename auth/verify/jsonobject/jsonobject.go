// Package jsonobject splits JSON objects into their members by exact names.
//
// encoding/json accepts "SUB" for "sub", and RFC 8259 does not define the meaning of
// duplicate names. An attacker can exploit two readers that choose different
// members: a gateway checks one value, and the service behind it uses the other.
// This package returns all members as written, in one pass and without copying
// them. The caller decides what duplicates mean.
//
// It does not check the encoding; use utf8.Valid.
package jsonobject

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"
)

// maxDepth bounds the nesting of the input, as in encoding/json.
const maxDepth = 10_000

var (
	// ErrNotObject is returned if the input is not one JSON object, with optional
	// white space around it.
	ErrNotObject = errors.New("not a JSON object")
	// ErrDuplicate is returned for two names that are equal or differ only in
	// case.
	ErrDuplicate = errors.New("a name occurs twice, or in two spellings")
	// ErrTooDeep is returned for more nesting than the caller allows.
	ErrTooDeep = errors.New("nested too deeply")
)

// Member is one member of an object: the decoded name and the raw value.
type Member struct {
	Name, Value []byte
}

// Object holds the members of a JSON object in the order of the input. The values
// are slices of the input.
type Object []Member

// Read splits one JSON object (RFC 8259) into its members. The error is
// [ErrNotObject].
func Read(data []byte) (Object, error) {
	return AppendRead(make(Object, 0, 10), data)
}

// AppendRead is like [Read], and appends the members to an object, for callers that
// use its memory again.
func AppendRead(to Object, data []byte) (Object, error) {
	r := reader{data: data, members: to}
	if r.space(); r.peek() != '{' {
		return nil, ErrNotObject
	}
	if !r.object(1, true) {
		return nil, ErrNotObject
	}
	if r.space(); r.pos != len(data) {
		return nil, ErrNotObject
	}
	return r.members, nil
}

// Get returns the value of the member with exactly this name. If there are several,
// it returns the last one, as encoding/json does.
func (o Object) Get(name string) ([]byte, bool) {
	for i := len(o) - 1; i >= 0; i-- {
		if string(o[i].Name) == name {
			return o[i].Value, true
		}
	}
	return nil, false
}

// Distinct returns [ErrDuplicate] if two names in the object, or in an object nested
// in it, are equal or differ only in case. It returns [ErrTooDeep] if objects and
// arrays are nested more than depth deep, counting this one.
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

// Plain returns the content of a JSON string without escapes, without copying it.
// It returns false for every other value.
func Plain(value []byte) ([]byte, bool) {
	if len(value) < 2 || value[0] != '"' || bytes.IndexByte(value, '\\') >= 0 {
		return nil, false
	}
	return value[1 : len(value)-1], true
}

// Text decodes a JSON string. It returns false for every other value.
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
