package postgres

import (
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
)

// column is an array parameter: one field of all requests of a group. pgx gets
// pointers to its elements, because an element in an interface would be an
// allocation for each field of each request. T is a type of pgtype.
type column[T any] []T

// Dimensions implements pgtype.ArrayGetter.
func (c column[T]) Dimensions() []pgtype.ArrayDimension {
	if c == nil {
		return nil
	}
	return []pgtype.ArrayDimension{{Length: int32(len(c)), LowerBound: 1}} //nolint:gosec // a group has groupSize at most
}

// Index implements pgtype.ArrayGetter.
func (c column[T]) Index(i int) any { return &c[i] }

// IndexType implements pgtype.ArrayGetter.
func (c column[T]) IndexType() any { return new(T) }

// uuidParam makes an id an element that pgx encodes as the 16 bytes it is; a
// uuid.UUID would be written out and parsed.
func uuidParam(id uuid.UUID) pgtype.UUID       { return pgtype.UUID{Bytes: id, Valid: true} }
func textParam(s string) pgtype.Text           { return pgtype.Text{String: s, Valid: true} }
func int8Param(n int64) pgtype.Int8            { return pgtype.Int8{Int64: n, Valid: true} }
func timeParam(t time.Time) pgtype.Timestamptz { return pgtype.Timestamptz{Time: t, Valid: true} }
func intervalParam(d time.Duration) pgtype.Interval {
	return pgtype.Interval{Microseconds: d.Microseconds(), Valid: true}
}
