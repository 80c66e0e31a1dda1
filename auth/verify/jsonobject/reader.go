package jsonobject

import "bytes"

// reader checks the grammar of RFC 8259 and splits an object into its members in
// one pass.
type reader struct {
	data    []byte
	pos     int
	members Object // of the outermost object
}

// peek returns the next byte, or 0, which starts no JSON value, at the end.
func (r *reader) peek() byte {
	if r.pos < len(r.data) {
		return r.data[r.pos]
	}
	return 0
}

// accept skips the next byte if it is c.
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

// object reads from the opening brace to the closing one. If keep is set, its members
// are added to r.members.
func (r *reader) object(depth int, keep bool) bool {
	if depth > maxDepth {
		return false
	}
	r.pos++
	if r.space(); r.accept('}') {
		return true
	}
	for {
		r.space()
		start := r.pos
		if !r.text() {
			return false
		}
		name := r.data[start:r.pos]
		if r.space(); !r.accept(':') {
			return false
		}
		r.space()
		start = r.pos
		if !r.value(depth) {
			return false
		}
		if keep {
			plain, ok := Plain(name)
			if !ok {
				text, _ := Text(name) // it is a string
				plain = []byte(text)
			}
			r.members = append(r.members, Member{plain, r.data[start:r.pos]})
		}
		r.space()
		switch {
		case r.accept('}'):
			return true
		case !r.accept(','):
			return false
		}
	}
}

// array reads from the opening bracket to the closing one.
func (r *reader) array(depth int) bool {
	if depth > maxDepth {
		return false
	}
	r.pos++
	if r.space(); r.accept(']') {
		return true
	}
	for {
		r.space()
		if !r.value(depth) {
			return false
		}
		r.space()
		switch {
		case r.accept(']'):
			return true
		case !r.accept(','):
			return false
		}
	}
}

// value steps over one value of an object or array of this depth.
func (r *reader) value(depth int) bool {
	switch r.peek() {
	case '{':
		return r.object(depth+1, false)
	case '[':
		return r.array(depth + 1)
	case '"':
		return r.text()
	case 't':
		return r.literal("true")
	case 'f':
		return r.literal("false")
	case 'n':
		return r.literal("null")
	}
	return r.number()
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
