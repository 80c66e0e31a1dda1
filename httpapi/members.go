package httpapi

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"sync"

	"github.com/wugan/wugan/auth/verify/jsonobject"
)

// decodeObject reads a JSON object into a struct, by the names of its json tags.
// encoding/json would take a name in any letter case: a field that is not known
// could then stand in for one that is, and a gateway in front that compares
// names as they are would have judged another request than the one that is
// served. Of a name that comes twice the last counts.
//
// The memory of room is used for the members, which are returned.
func decodeObject(body []byte, room jsonobject.Object, into any) (jsonobject.Object, error) {
	members, err := jsonobject.AppendRead(room[:0], body)
	if err != nil {
		return room, notObject(body)
	}
	return members, setMembers(members, reflect.ValueOf(into).Elem(), "")
}

// notObject says what is wrong with a body that is no object.
func notObject(body []byte) error {
	var syntax *json.SyntaxError
	if errors.As(json.Unmarshal(body, new(any)), &syntax) {
		return invalid("The body is not valid JSON: see byte %d of it.", syntax.Offset)
	}
	return invalid("The body is not a JSON object.")
}

// setMembers sets the fields of a struct and returns what is wrong with all of them.
// The path is where its object stands in the body.
func setMembers(members jsonobject.Object, into reflect.Value, path string) error {
	var wrong []error
	for _, field := range fieldsOf(into.Type()) {
		if value, given := members.Get(field.name); given {
			if err := setMember(value, into.FieldByIndex(field.index), path+field.name); err != nil {
				wrong = append(wrong, err)
			}
		}
	}
	return joinInvalid(wrong...)
}

func setMember(value []byte, into reflect.Value, path string) error {
	if into.Kind() == reflect.Struct {
		members, err := jsonobject.Read(value)
		if err != nil {
			return invalid("The field %s is of another type: an object is expected.", path)
		}
		return setMembers(members, into, path+".")
	}
	// Most fields are strings, and most strings are as they are written.
	if text, plain := jsonobject.Plain(value); plain && into.Type() == reflect.TypeFor[string]() {
		into.SetString(string(text))
		return nil
	}
	var wrongType *json.UnmarshalTypeError
	switch err := json.Unmarshal(value, into.Addr().Interface()); {
	case err == nil:
		return nil
	case errors.As(err, &wrongType):
		return invalid("The field %s is of another type: %s is expected.", path, jsonType(wrongType.Type.Kind().String()))
	}
	return invalid("The field %s cannot be read.", path)
}

// field is one that a request may set.
type field struct {
	name  string
	index []int
}

// fieldsByType keeps what fieldsOf found, which no request changes.
var fieldsByType sync.Map

// fieldsOf lists the fields of a struct that have a JSON name, those of structs
// that it embeds included.
func fieldsOf(t reflect.Type) []field {
	if known, ok := fieldsByType.Load(t); ok {
		return known.([]field) //nolint:forcetypeassert // nothing else is stored
	}
	var fields []field
	for _, f := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
			fields = append(fields, field{name, f.Index})
		}
	}
	fieldsByType.Store(t, fields)
	return fields
}
