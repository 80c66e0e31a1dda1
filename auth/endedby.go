package auth

// EndedBy decides which of a user's live sessions a login ends, so that its own
// may be opened: the earlier sessions of its device (the same app, the same
// device id, not empty), and those longest unused beyond MaxSessions, the new
// one counted. The live sessions come newest use first.
//
// It is a pure function. SQLite's store calls it; PostgreSQL's states the same
// rule in its login statement, and store/storetest holds the two against each
// other.
func (p Lifetimes) EndedBy(l Login, live []Session) []Ended {
	var out []Ended
	kept := 0
	for _, x := range live {
		switch {
		case l.Device.ID != "" && x.Device.ID == l.Device.ID && x.AppID == l.AppID:
			out = append(out, Ended{x.ID, ReasonReplaced})
		case p.MaxSessions > 0 && kept+1 >= p.MaxSessions:
			out = append(out, Ended{x.ID, ReasonEvicted})
		default:
			kept++
		}
	}
	return out
}
