package auth

// EndedBy returns the sessions of a user that a login ends: the earlier sessions
// of its device (the same app and the same non-empty device id), and the least
// recently used ones beyond MaxSessions, counting the new one. The argument live
// is ordered by last use, newest first.
//
// It is a pure function. The SQLite store calls it. The PostgreSQL store states
// the same rule in its login statement, and store/storetest compares the two.
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
