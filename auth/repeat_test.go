package auth_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wugan/wugan/auth"
)

func TestATokenThatIsPresentedAgainFromElsewhereIsNoticed(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	earlier := now.Add(-time.Minute)
	anHourAgo := now.Add(-auth.RepeatEvery)
	for name, c := range map[string]struct {
		before    auth.Repeats
		outcome   auth.Outcome
		elsewhere bool
		want      auth.Repeats
		counts    bool
		record    bool
	}{
		"every day":                                   {outcome: auth.OutcomeRotated},
		"every day, from elsewhere":                   {outcome: auth.OutcomeRotated, elsewhere: true},
		"two tabs":                                    {outcome: auth.OutcomeSameChild},
		"a lost answer, from the same place":          {outcome: auth.OutcomeSibling},
		"a repetition from elsewhere":                 {outcome: auth.OutcomeSibling, elsewhere: true, want: auth.Repeats{Count: 1, RecordedAt: now}, counts: true, record: true},
		"one from elsewhere within the grace":         {outcome: auth.OutcomeSameChild, elsewhere: true, want: auth.Repeats{Count: 1, RecordedAt: now}, counts: true, record: true},
		"the next from there":                         {before: auth.Repeats{Count: 1, RecordedAt: earlier}, outcome: auth.OutcomeSibling, want: auth.Repeats{Count: 2, RecordedAt: earlier}, counts: true},
		"the next after an hour":                      {before: auth.Repeats{Count: 327, RecordedAt: anHourAgo}, outcome: auth.OutcomeSibling, want: auth.Repeats{Count: 328, RecordedAt: now}, counts: true, record: true},
		"a first use ends the count":                  {before: auth.Repeats{Count: 9, RecordedAt: earlier}, outcome: auth.OutcomeRotated, want: auth.Repeats{RecordedAt: earlier}},
		"and so does a restored one":                  {before: auth.Repeats{Count: 9, RecordedAt: earlier}, outcome: auth.OutcomeRestored, want: auth.Repeats{RecordedAt: earlier}},
		"a new count within the hour is only counted": {before: auth.Repeats{RecordedAt: earlier}, outcome: auth.OutcomeSibling, elsewhere: true, want: auth.Repeats{Count: 1, RecordedAt: earlier}, counts: true},
		"a reuse is another event":                    {before: auth.Repeats{Count: 9, RecordedAt: earlier}, outcome: auth.OutcomeReused, elsewhere: true, want: auth.Repeats{Count: 9, RecordedAt: earlier}},
		"a session that has ended":                    {outcome: auth.OutcomeRevoked, elsewhere: true},
	} {
		t.Run(name, func(t *testing.T) {
			next, counts, record := c.before.After(c.outcome, c.elsewhere, now)
			require.Equal(t, c.want, next)
			require.Equal(t, c.counts, counts)
			require.Equal(t, c.record, record)
		})
	}
}
