package postgres

// Reset gives up the connections of the pool.
func (s *Store) Reset() { s.pool.Reset() }
