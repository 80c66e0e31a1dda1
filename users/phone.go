package users

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
)

// phoneWindow is the day over which calls for phone numbers are counted.
const phoneWindow = 24 * time.Hour

// ErrPhoneLimit says that a user has asked for phone numbers too often today.
var ErrPhoneLimit = &ProviderError{Reason: CallsUsedUp, RetryAfter: time.Hour}

// BindPhone exchanges the code of a getPhoneNumber button for the user's phone
// number and binds it to the user.
//
// Each exchange costs the operator money, so a user has a number of them a day,
// counted before the call. Errors: ErrPhoneTaken, ErrPhoneLimit, ErrNotFound,
// *ProviderError, ErrUnavailable. The code is spent once WeChat was asked.
func (s *Service) BindPhone(ctx context.Context, id uuid.UUID, appID, code string) (User, error) {
	now := s.now().UTC().Truncate(time.Microsecond)
	if s.phoneLimit > 0 {
		granted, err := s.store.TakePhoneCall(ctx, id, s.phoneLimit, now.Add(-phoneWindow), now)
		if err != nil {
			return User{}, fmt.Errorf("count calls for phone numbers: %w", err)
		}
		if !granted {
			return User{}, ErrPhoneLimit
		}
	}
	given, err := s.provider.PhoneNumber(ctx, appID, code)
	if err != nil {
		return User{}, fmt.Errorf("exchange a phone code: %w", err)
	}
	phone := given.number()
	sealed, err := s.vault.Seal([]byte(phone), PhonePlace(id))
	if err != nil {
		return User{}, fmt.Errorf("bind a phone number: %w", err)
	}
	// The number was paid for: it is kept even if the client has gone.
	u, err := s.store.BindPhone(context.WithoutCancel(ctx), PhoneBinding{
		UserID: id, Sealed: sealed, Hashes: s.vault.Hashes(phone), Now: now,
	})
	return s.opened(u, err, "bind a phone number")
}

// GivenPhone is a phone number as the provider gives it: without the country
// code, and the country code in digits. It prints masked.
type GivenPhone struct {
	Number  Phone
	Country string
}

// number is the one form in which a number is stored, hashed and found: as it
// stands in mainland China, with + and the country code from elsewhere.
func (g GivenPhone) number() string {
	country := strings.TrimLeft(g.Country, "+0")
	if country == "" || country == "86" {
		return string(g.Number)
	}
	return "+" + country + string(g.Number)
}
