package verify

import (
	"encoding/json"
	"errors"
	"strconv"
	"unicode/utf8"

	"github.com/wugan/wugan/auth/verify/jsonobject"
)

// maxDepth bounds nesting in headers and claims; ours nest two deep.
const maxDepth = 16

// maxTime is the first second of the year 10000, which RFC 3339 cannot write.
const maxTime = 253402300800

var errNotObject = errors.New("not a JSON object in UTF-8")

// parseObject parses one JSON object strictly: in UTF-8 (RFC 8725 section 3.7),
// with nothing after it, and without two names in one object that are equal or
// differ only in case. RFC 8259 does not define the meaning of duplicate names, and
// an attacker can exploit two readers of a token that choose different ones.
//
// The values are slices of data.
func parseObject(data []byte) (jsonobject.Object, error) {
	return appendObject(make(jsonobject.Object, 0, 10), data)
}

// appendObject is parseObject, and appends the members to an object.
func appendObject(to jsonobject.Object, data []byte) (jsonobject.Object, error) {
	if !utf8.Valid(data) {
		return nil, errNotObject
	}
	object, err := jsonobject.AppendRead(to, data)
	if err != nil {
		return nil, errNotObject
	}
	if err := object.Distinct(maxDepth); err != nil {
		return nil, err
	}
	return object, nil
}

// unquote decodes a JSON string.
func unquote(raw []byte) (string, error) {
	text, ok := jsonobject.Text(raw)
	if !ok {
		return "", errors.New("not a string")
	}
	return text, nil
}

// filled reports whether raw is a non-empty JSON string.
func filled(raw []byte) bool {
	if plain, ok := jsonobject.Plain(raw); ok {
		return len(plain) > 0
	}
	text, ok := jsonobject.Text(raw)
	return ok && text != ""
}

// spells reports whether raw is the JSON string of text.
func spells(raw []byte, text string) bool {
	if plain, ok := jsonobject.Plain(raw); ok {
		return string(plain) == text
	}
	got, ok := jsonobject.Text(raw)
	return ok && got == text
}

// unquoteAll decodes a JSON array of strings.
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

// numericDate parses a time in whole seconds, greater than zero and before the year
// 10000. RFC 7519 also allows fractions, which wugan never writes; readers disagree
// about exponents and huge numbers.
func numericDate(raw []byte) (int64, error) {
	seconds, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil || seconds <= 0 || seconds >= maxTime {
		return 0, errors.New("not a time in whole seconds")
	}
	return seconds, nil
}
