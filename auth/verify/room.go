package verify

import (
	"strings"
	"sync"

	"github.com/wugan/wugan/auth/verify/jsonobject"
)

// room is memory in which the payload of a token is decoded and parsed. A check that
// keeps nothing of it takes it from a pool: it is a kilobyte, half of what a check
// would allocate.
type room struct {
	encoded []byte
	payload []byte
	claims  jsonobject.Object // slices of payload
}

var rooms sync.Pool

func takeRoom() *room {
	if r, ok := rooms.Get().(*room); ok {
		return r
	}
	return newRoom()
}

func newRoom() *room { return &room{claims: make(jsonobject.Object, 0, 10)} }

// release returns a room to the pool. What it holds of the token is wiped: none rests
// in memory or in a heap dump.
func (r *room) release() {
	clear(r.encoded[:cap(r.encoded)])
	clear(r.payload[:cap(r.payload)])
	clear(r.claims[:cap(r.claims)])
	rooms.Put(r)
}

// read decodes and parses a payload.
func (r *room) read(payload64 string) (err error) {
	if strings.ContainsAny(payload64, "\r\n") {
		return errLineBreak
	}
	r.encoded = append(r.encoded[:0], payload64...)
	if r.payload, err = strictBase64.AppendDecode(r.payload[:0], r.encoded); err != nil {
		return errNotBase64
	}
	r.claims, err = appendObject(r.claims[:0], r.payload)
	return err
}
