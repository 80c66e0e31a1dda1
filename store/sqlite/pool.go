package sqlite

import "database/sql"

// Pool returns the statistics of the connections, readers and writer together, for
// metrics. A call that waits for the write lock waits for its connection.
func (s *Store) Pool() sql.DBStats {
	all, w := s.reader.Stats(), s.writer.Stats()
	all.MaxOpenConnections += w.MaxOpenConnections
	all.OpenConnections += w.OpenConnections
	all.InUse += w.InUse
	all.Idle += w.Idle
	all.WaitCount += w.WaitCount
	all.WaitDuration += w.WaitDuration
	return all
}
