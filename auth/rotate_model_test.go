package auth_test

import (
	"fmt"
	"time"

	"github.com/wugan/wugan/auth"
)

// The model of an honest client: one row, one client that keeps one token, and
// a network that loses, delays and reorders.
//
// The client may send its token as often as it likes, several times at once,
// and takes whatever answer comes, also one that comes after another. When it
// first sends a token that it was given, its requests for older tokens have
// timed out: they arrive no more, and no one waits for their responses. The
// database may fall back to an earlier state of the row.
//
// Time is counted in ticks, three of which are more than the grace and two are
// less. All numbers are relative to the row's used, because the rule looks at
// differences alone; so the states are finite, but for three bounds: messages
// under way, siblings of one parent, and how far a rollback reaches back.
const (
	tick        = 4 * time.Second
	ticksOver   = 3 // an age at which the grace is over
	mostUnread  = 2 // requests under way, and answers
	mostSibling = 4 // last - used
	farthest    = 6 // exchanges that a rollback undoes
)

// small is a token in relative numbers.
type small struct{ seq, prev int8 }

// modelRow is the row. The ghost is the age of the newest token by the model's
// own book: a rule that moves rotated_at otherwise is found out.
type modelRow struct{ used, last, age, ghost int8 }

// answer is a token on its way to the client.
type answer struct{ token small }

type world struct {
	row       modelRow
	saved     modelRow // what a rollback returns to
	hasSaved  bool
	rollbacks int8
	held      small
	sent      bool // whether the client has sent the token that it holds
	requests  [mostUnread]small
	nRequests int8
	answers   [mostUnread]answer
	nAnswers  int8
}

type tally map[auth.Outcome]int

func (t tally) sum() (n int) {
	for _, c := range t {
		n += c
	}
	return n
}

// exploreHonest visits every state that can be reached and returns how many
// there are and what the exchanges came to; the error is the first broken
// promise.
func exploreHonest(r rule, rollbacks int8) (states int, seen tally, err error) {
	first := world{row: modelRow{used: 0, last: 1}, held: small{1, 0}, rollbacks: rollbacks}.normal()
	visited := map[world]bool{first: true}
	queue := []world{first}
	seen = tally{}
	for len(queue) > 0 {
		w := queue[0]
		queue = queue[1:]
		next, err := w.next(r, seen)
		if err != nil {
			return len(visited), seen, err
		}
		for _, n := range next {
			n = n.normal()
			if !visited[n] {
				visited[n] = true
				queue = append(queue, n)
			}
		}
	}
	return len(visited), seen, nil
}

// next lists the states that follow from w.
func (w world) next(r rule, seen tally) (out []world, err error) {
	// Time passes.
	later := w
	later.row = later.row.older()
	later.saved = later.saved.older()
	out = append(out, later)

	// The client sends the token that it holds.
	if sending := w.send(); sending.nRequests < mostUnread {
		sending.requests[sending.nRequests] = w.held
		sending.nRequests++
		out = append(out, sending)
	}

	for i := range w.nRequests {
		rest := w.without(i)
		out = append(out, rest) // lost on its way
		done, outcome, err := rest.rotate(r, w.requests[i])
		seen[outcome]++
		if err != nil {
			return nil, fmt.Errorf("%w: token %+v in state %+v", err, w.requests[i], w)
		}
		if done.row.last-done.row.used > mostSibling {
			continue
		}
		out = append(out, done) // its answer is lost
		if done.nAnswers < mostUnread {
			done.answers[done.nAnswers] = answer{small{done.row.last, done.row.used}}
			done.nAnswers++
			out = append(out, done)
		}
	}

	for i := range w.nAnswers {
		rest := w
		copy(rest.answers[i:], w.answers[i+1:])
		rest.nAnswers--
		rest.answers[rest.nAnswers] = answer{}
		rest.held, rest.sent = w.answers[i].token, false
		out = append(out, rest)
	}

	// The database is backed up, and falls back to that.
	if w.rollbacks > 0 {
		saving := w
		saving.saved, saving.hasSaved = w.row, true
		out = append(out, saving)
		if w.hasSaved {
			back := w
			back.row, back.hasSaved, back.saved = w.saved, false, modelRow{}
			back.rollbacks--
			out = append(out, back)
		}
	}
	return out, nil
}

func (r modelRow) older() modelRow {
	r.age, r.ghost = min(r.age+1, ticksOver), min(r.ghost+1, ticksOver)
	return r
}

// send gives up what belongs to older tokens.
func (w world) send() world {
	if w.sent {
		return w
	}
	w.sent = true
	w.requests, w.nRequests = [mostUnread]small{}, 0
	w.answers, w.nAnswers = [mostUnread]answer{}, 0
	return w
}

func (w world) without(i int8) world {
	copy(w.requests[i:], w.requests[i+1:])
	w.nRequests--
	w.requests[w.nRequests] = small{}
	return w
}

// exchange asks the rule.
func (w world) rotate(r rule, t small) (world, auth.Outcome, error) {
	now := rotatedAt.Add(100 * tick)
	c := auth.Counters{Used: int64(w.row.used), Last: int64(w.row.last), RotatedAt: now.Add(-time.Duration(w.row.age) * tick)}
	after, outcome := r(c, int64(t.seq), int64(t.prev), now)
	switch {
	case outcome == auth.OutcomeReused:
		return w, outcome, errTurnedAway
	case outcome == auth.OutcomeSameChild && w.row.ghost >= ticksOver:
		return w, outcome, errGraceSlides
	}
	if after.Last != c.Last {
		w.row.ghost = 0
	}
	w.row.used, w.row.last = int8(after.Used), int8(after.Last)
	w.row.age = int8(now.Sub(after.RotatedAt) / tick)
	return w, outcome, nil
}

// normal counts all numbers from the row's used, forgets a backup that has
// become too old, and puts messages into one order: the network has none.
func (w world) normal() world {
	base := w.row.used
	shift := func(t small) small { return small{t.seq - base, t.prev - base} }
	w.row.used, w.row.last = 0, w.row.last-base
	if w.hasSaved {
		w.saved.used, w.saved.last = w.saved.used-base, w.saved.last-base
		if w.saved.used < -farthest {
			w.hasSaved = false
		}
	}
	if !w.hasSaved {
		w.saved = modelRow{}
	}
	w.held = shift(w.held)
	for i := range w.nRequests {
		w.requests[i] = shift(w.requests[i])
	}
	for i := range w.nAnswers {
		w.answers[i].token = shift(w.answers[i].token)
	}
	if w.nRequests == 2 && less(w.requests[1], w.requests[0]) {
		w.requests[0], w.requests[1] = w.requests[1], w.requests[0]
	}
	if w.nAnswers == 2 && less(w.answers[1].token, w.answers[0].token) {
		w.answers[0], w.answers[1] = w.answers[1], w.answers[0]
	}
	return w
}

func less(a, b small) bool {
	if a.seq != b.seq {
		return a.seq < b.seq
	}
	return a.prev < b.prev
}
