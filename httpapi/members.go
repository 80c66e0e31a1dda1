package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"sync"
)

// decodeObject reads a JSON object into a struct, by the names of its json tags.
// encoding/json would take a name in any letter case: a field that is not known
// could then stand in for one that is, and a gateway in front that compares
// names as they are would have judged another request than the one that is
// served. Of a name that comes twice the last counts.
func decodeObject(body []byte, into any) error {
	if !json.Valid(body) {
		return invalid("The body is not valid JSON.")
	}
	body = bytes.TrimSpace(body)
	if body[0] != '{' {
		return invalid("The body is not a JSON object.")
	}
	return setMembers(body, reflect.ValueOf(into).Elem(), "")
}

// setMembers sets the fields of a struct from a valid JSON object. The path is
// where the object stands in the body.
func setMembers(object []byte, into reflect.Value, path string) error {
	known := membersOf(into.Type())
	rest := object[1:]
	for {
		rest = afterPunctuation(rest)
		if rest[0] == '}' {
			return nil
		}
		var name, value []byte
		name, rest = cutValue(rest)
		rest = afterPunctuation(rest)
		value, rest = cutValue(rest)
		field, isKnown := known[string(name[1:len(name)-1])]
		if bytes.IndexByte(name, '\\') >= 0 {
			var plain string
			if err := json.Unmarshal(name, &plain); err != nil {
				return invalid("The body is not valid JSON.")
			}
			field, isKnown = known[plain]
		}
		if !isKnown {
			continue
		}
		if err := setMember(value, into.FieldByIndex(field.index), path+field.name); err != nil {
			return err
		}
	}
}

// setMember sets one field. Text as clients send it, without escapes, is read
// here: it is all that logins and refreshes hold.
func setMember(value []byte, into reflect.Value, path string) error {
	switch {
	case into.Kind() == reflect.String && value[0] == '"' && bytes.IndexByte(value, '\\') < 0:
		into.SetString(string(value[1 : len(value)-1]))
		return nil
	case into.Kind() == reflect.Struct && value[0] == '{':
		return setMembers(value, into, path+".")
	case into.Kind() == reflect.Struct:
		return invalid("The field %s is of another type: an object is expected.", path)
	}
	err := json.Unmarshal(value, into.Addr().Interface())
	var wrongType *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrongType):
		return invalid("The field %s is of another type: %s is expected.", path, jsonType(wrongType.Type.Kind().String()))
	}
	return invalid("The field %s cannot be read.", path)
}

// afterPunctuation leaves out what stands between names and values.
func afterPunctuation(text []byte) []byte {
	for i, b := range text {
		switch b {
		case ' ', '\t', '\r', '\n', ',', ':':
		default:
			return text[i:]
		}
	}
	return nil
}

// cutValue cuts the value off with which valid JSON begins.
func cutValue(text []byte) (value, rest []byte) {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			for i++; text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
			if depth == 0 {
				return text[:i+1], text[i+1:]
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 { // of the object around a number or a word
				return text[:i], text[i:]
			}
			if depth--; depth == 0 {
				return text[:i+1], text[i+1:]
			}
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 { // after a number or a word
				return text[:i], text[i:]
			}
		}
	}
	return text, nil
}

// member is a field of a struct that a request may set.
type member struct {
	name  string
	index []int
}

// membersByType keeps membersOf, which would look at every tag for each request.
var membersByType sync.Map

// membersOf are the members of a struct by their exact names, those of structs
// that it embeds included.
func membersOf(t reflect.Type) map[string]member {
	if known, ok := membersByType.Load(t); ok {
		return known.(map[string]member) //nolint:forcetypeassert // nothing else is stored
	}
	members := map[string]member{}
	for _, field := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name != "" && name != "-" {
			members[name] = member{name, field.Index}
		}
	}
	membersByType.Store(t, members)
	return members
}
