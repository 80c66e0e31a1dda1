package httpapi

import (
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
)

// Pages of the lists for operators.
const (
	defaultPage = 20
	maxPage     = 100
)

// parameters reads the path and the query of a request. Its methods return the zero
// value for what is missing or wrong; err then returns everything that is wrong.
type parameters struct {
	c      echo.Context
	absent bool // an id in the path that no object can have
	wrong  []error
}

func (p *parameters) err() error {
	if p.absent {
		return newProblem(codeNotFound, nil)
	}
	return joinInvalid(p.wrong...)
}

func (p *parameters) refuse(err error) { p.wrong = append(p.wrong, err) }

// id reads the id of the path. Anything but a UUID is the id of no object.
func (p *parameters) id() uuid.UUID {
	id, ok := parseID(p.c.Param("id"))
	p.absent = p.absent || !ok
	return id
}

// text reads a parameter of at most so many characters, which may be given once.
func (p *parameters) text(name string, most int) (text string, given bool) {
	values, given := p.c.QueryParams()[name]
	switch {
	case !given:
		return "", false
	case len(values) > 1:
		p.refuse(invalid("The parameter %s is given twice.", name))
		return "", false
	case values[0] == "":
		p.refuse(invalid("The parameter %s is empty.", name))
		return "", false
	}
	if err := checkText(name, values[0], most); err != nil {
		p.refuse(err)
		return "", false
	}
	return values[0], true
}

// pageSize reads the parameter limit.
func (p *parameters) pageSize(without, most int) int {
	text, given := p.text("limit", 4)
	if !given {
		return without
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		p.refuse(invalid("The parameter limit is a number from 1 to %d.", most))
	}
	return n
}

// flag reads a parameter that is true or false.
func (p *parameters) flag(name string) bool {
	text, given := p.text(name, 5)
	if given && text != "true" && text != "false" {
		p.refuse(invalid("The parameter %s is true or false.", name))
	}
	return text == "true"
}

// badCursor refuses a cursor that none of our responses contained.
func (p *parameters) badCursor() {
	p.refuse(invalid("The parameter cursor is not one that this service gave out."))
}

// wait reads how long the response may be held back, and keeps the connection open
// for as long.
func (p *parameters) wait() time.Duration {
	wait, err := parseWait(p.c.QueryParam("wait"))
	switch {
	case err != nil:
		p.refuse(err)
	case wait > 0:
		holdOpen(p.c)
		answerBy(p.c, time.Now().Add(wait+answerWithin))
	}
	return wait
}

// parseID parses an id in the form that this service writes, 36 characters. The
// library also accepts braces, urn:uuid: and ids without hyphens.
func parseID(text string) (uuid.UUID, bool) {
	if len(text) != 36 {
		return uuid.Nil, false
	}
	id, err := uuid.Parse(text)
	return id, err == nil
}

// byID is the request of a path that contains an id and needs nothing else.
type byID struct{ id uuid.UUID }

func (r *byID) readURL(p *parameters) { r.id = p.id() }
