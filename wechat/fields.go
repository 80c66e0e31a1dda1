package wechat

import (
	"encoding/json"
	"strconv"
)

// fields is a JSON object of WeChat's, by exact names: encoding/json would
// match a struct's fields without regard to case, and success may carry
// unknown ones. A field of another type than asked for counts as missing.
type fields map[string]json.RawMessage

// errcode returns 0 where there is none, as on success. It may come as a
// string in rare answers. It reports false for anything else.
func (f fields) errcode() (int, bool) {
	raw, ok := f["errcode"]
	if !ok || string(raw) == "null" {
		return 0, true
	}
	n, err := strconv.Atoi(f.textOrNumber("errcode"))
	return n, err == nil
}

func (f fields) text(name string) string {
	var s string
	if json.Unmarshal(f[name], &s) != nil {
		return ""
	}
	return s
}

// textOrNumber is for fields that are documented as one and come as the other.
func (f fields) textOrNumber(name string) string {
	var n json.Number
	// json.Number takes a JSON string too, if it holds a number.
	if json.Unmarshal(f[name], &n) != nil {
		return f.text(name)
	}
	return n.String()
}

func (f fields) integer(name string) (int64, bool) {
	n, err := strconv.ParseInt(f.textOrNumber(name), 10, 64)
	return n, err == nil
}

func (f fields) object(name string) fields {
	var o fields
	if json.Unmarshal(f[name], &o) != nil {
		return nil
	}
	return o
}
