// Package userimport brings the people of another system into a store, from a file
// of CSV with a header or of JSON lines. It owns the form of the file and what is
// said of its mistakes; what an import does to a database is users.ImportStore's.
package userimport

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"github.com/wugan/wugan/users"
)

// BatchSize is how many people are imported in one transaction: few enough that
// logins on SQLite, which has one writer, do not wait long for it.
const BatchSize = 500

// App is what the settings say of an app.
type App struct{ Provider, Account string }

// Vault seals phone numbers and makes the hashes by which they are found; nil
// where there is no data key, and then a file with phone numbers is refused.
type Vault interface {
	Seal(plain []byte, context string) ([]byte, error)
	Hashes(value string) [][]byte
}

// Job is one import.
type Job struct {
	Store users.ImportStore
	Apps  map[string]App
	Vault Vault
	// Now is when people without a createdAt were created.
	Now time.Time
	// DryRun keeps nothing.
	DryRun bool
	// Problem is told of each line that cannot be imported.
	Problem func(line int, problem string)
	// Progress is told how many lines of how many are done.
	Progress func(done, all int)
}

// Result is what became of the file.
type Result struct {
	Lines, Created, Linked, Known int
	// Problems are lines that cannot be imported, Withheld the lines of batches
	// that were not imported because of them.
	Problems, Withheld int
}

// Run reads the file twice: first it checks every line, and imports nothing where
// one is wrong. What only the database knows, that a phone number is another
// user's, holds back its batch alone. A file may be imported again.
func (j Job) Run(ctx context.Context, file io.ReadSeeker) (Result, error) {
	r := Result{}
	if err := j.check(ctx, file, &r); err != nil || r.Problems > 0 {
		r.Withheld = r.Lines
		return r, err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return r, err
	}
	in, err := open(file)
	if err != nil {
		return r, err
	}
	// The next batch is prepared while the database works on one.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	batches := make(chan batch, 1)
	go func() {
		defer close(batches)
		for {
			b := j.batch(in)
			select {
			case batches <- b:
			case <-ctx.Done():
				return
			}
			if b.err != nil || len(b.people) == 0 {
				return
			}
		}
	}()
	for done := 0; ; {
		b := <-batches
		if b.err != nil {
			return r, b.err
		}
		if len(b.people) == 0 {
			return r, ctx.Err()
		}
		out, err := j.bring(ctx, b.people)
		if err != nil {
			return r, fmt.Errorf("after %d lines, which are imported: %w", done, err)
		}
		for _, n := range out.PhoneTaken {
			r.Problems++
			j.Problem(b.lines[n], "has a phone number that another user holds")
		}
		if len(out.PhoneTaken) > 0 {
			r.Withheld += len(b.people)
		} else {
			r.Created, r.Linked, r.Known = r.Created+out.Created, r.Linked+out.Linked, r.Known+out.Known
		}
		done += len(b.people)
		j.Progress(done, r.Lines)
	}
}

// digest stands for a value of which a million are remembered.
type digest [12]byte

func digestOf(parts ...string) digest {
	h := sha256.New()
	for _, part := range parts {
		_, _ = h.Write(append([]byte(part), 0)) // it never fails
	}
	return digest(h.Sum(nil)[:12])
}

// check looks at every line, and at what no two lines may share.
func (j Job) check(ctx context.Context, file io.Reader, r *Result) error {
	in, err := open(file)
	if err != nil {
		return err
	}
	type holder struct {
		line  int32
		union digest
	}
	identities, phones := map[digest]int32{}, map[digest]holder{}
	for ctx.Err() == nil {
		line, one, problem, err := in.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the file: %w", err)
		}
		r.Lines++
		var (
			p     users.Imported
			phone users.Phone
		)
		if one != nil {
			if p, phone, err = one.person(j.Apps); err != nil {
				problem = err.Error()
			}
		}
		if problem == "" {
			key := digestOf(p.AppID, p.OpenID)
			if first, twice := identities[key]; twice {
				problem = fmt.Sprintf("has the appId and the openid of line %d", first)
			} else {
				identities[key] = int32(line) //nolint:gosec // a file of two thousand million lines is another day's work
			}
		}
		if problem == "" && phone != "" {
			union := digestOf(p.Account, p.UnionID)
			first, twice := phones[digestOf(string(phone))]
			switch {
			case j.Vault == nil:
				problem = "has a phone number, but WUGAN_DATA_KEY is not set"
			case twice && (p.UnionID == "" || union != first.union):
				problem = fmt.Sprintf("has the phone number of line %d, which is another person", first.line)
			case !twice:
				phones[digestOf(string(phone))] = holder{int32(line), union} //nolint:gosec // as above
			}
		}
		if problem != "" {
			r.Problems++
			j.Problem(line, problem)
		}
	}
	return ctx.Err()
}

// longestPause is the last pause between two tries of a batch.
const longestPause = 16 * time.Second

// bring imports a batch, and tries again for half a minute while the database is away
// or busy. A batch that a failed call had brought in all the same is known at the next.
func (j Job) bring(ctx context.Context, people []users.Imported) (out users.ImportResult, err error) {
	for pause := time.Second; ; pause *= 2 {
		out, err = j.Store.ImportUsers(ctx, people, !j.DryRun)
		if !errors.Is(err, users.ErrUnavailable) || pause > longestPause {
			return out, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return out, ctx.Err()
		}
	}
}

// batch holds the next people of a file and the lines on which they stand. It
// is empty at the end of the file.
type batch struct {
	people []users.Imported
	lines  []int
	err    error
}

func (j Job) batch(in source) (b batch) {
	fail := func(err error) batch { return batch{err: err} }
	for len(b.people) < BatchSize {
		line, one, problem, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || problem != "" {
			return fail(errors.New("the file was changed while it was read"))
		}
		p, phone, err := one.person(j.Apps)
		if err != nil {
			return fail(errors.New("the file was changed while it was read"))
		}
		if p.CreatedAt.IsZero() {
			p.CreatedAt = j.Now
		}
		if p.UserID, err = idAt(p.CreatedAt); err != nil {
			return fail(err)
		}
		if phone != "" {
			if p.SealedPhone, err = j.Vault.Seal([]byte(phone), users.PhoneAssociatedData(p.UserID)); err != nil {
				return fail(err)
			}
			p.PhoneHashes = j.Vault.Hashes(string(phone))
		}
		b.people, b.lines = append(b.people, p), append(b.lines, line)
	}
	return b
}

// idAt makes a UUID of version 7 of a time, so that people stay in the order in
// which they came.
func idAt(t time.Time) (uuid.UUID, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return id, err
	}
	ms := t.UnixMilli()
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i)) //nolint:gosec // one byte at a time is what is wanted
	}
	return id, nil
}
