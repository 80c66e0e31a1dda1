package users

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
)

// phoneWindow is the day over which calls for phone numbers are counted.
const phoneWindow = 24 * time.Hour

// ErrPhoneLimit is returned if a user has reached the daily limit of phone numbers.
var ErrPhoneLimit = &ProviderError{Reason: CallsUsedUp, RetryAfter: time.Hour}

// BindPhone exchanges the code of a getPhoneNumber button for the user's phone
// number and binds it to the user.
//
// Each successful exchange costs the operator money, so their number is limited for
// each user and day. A call is counted before it is made, so that concurrent calls
// stay within the limit, and is not counted if it fails. The provider accepts a code
// once. Errors: ErrPhoneTaken, ErrPhoneLimit, ErrNotFound, *ProviderError,
// ErrUnavailable.
func (s *Service) BindPhone(ctx context.Context, id uuid.UUID, appID, code string) (User, error) {
	identity, err := s.store.Identity(ctx, id, appID)
	if err != nil {
		return User{}, fmt.Errorf("bind a phone number: %w", err)
	}
	given, err := s.askPhone(ctx, identity, code)
	if err != nil {
		return User{}, err
	}
	return s.BindGiven(ctx, id, given)
}

// Owner returns the user of an identity. Errors: ErrNotFound, ErrUnavailable.
func (s *Service) Owner(ctx context.Context, appID, openID string) (uuid.UUID, error) {
	id, err := s.store.Owner(ctx, appID, openID)
	if err != nil {
		return uuid.Nil, fmt.Errorf("find the owner of an identity: %w", err)
	}
	return id, nil
}

// PhoneOfLogin exchanges the phone code of a login before the session is opened. The
// provider has confirmed the identity. If its user does not exist yet, no call is
// counted. Errors are those of BindPhone; a refused code is a *ProviderError with
// PhoneCodeInvalid.
func (s *Service) PhoneOfLogin(ctx context.Context, appID, openID, code string) (GivenPhone, error) {
	identity := Identity{AppID: appID, OpenID: openID}
	owner, err := s.Owner(ctx, appID, openID)
	switch {
	case err == nil:
		identity.UserID = owner
	case !errors.Is(err, ErrNotFound):
		return GivenPhone{}, err
	}
	given, err := s.askPhone(ctx, identity, code)
	var provider *ProviderError
	if errors.As(err, &provider) && (provider.Reason == CodeInvalid || provider.Reason == CodeUsed) {
		return GivenPhone{}, &ProviderError{Reason: PhoneCodeInvalid, Err: err}
	}
	return given, err
}

// BindGiven binds a phone number that the provider gave to a user, and returns the
// user who remains: where numbers join people (see [JoinByPhone]), that may be
// another one, who held the number, and the one who was named is no more. Errors:
// ErrPhoneTaken, ErrNotFound, ErrUnavailable.
func (s *Service) BindGiven(ctx context.Context, id uuid.UUID, given GivenPhone) (User, error) {
	ctx = context.WithoutCancel(ctx) // the number was paid for: it is kept even if the client has gone
	for try := 1; ; try++ {
		u, err := s.bindOrJoin(ctx, id, given.number())
		// The user who held the number has let it go meanwhile.
		if errors.Is(err, errNotHeld) && try < 3 {
			continue
		}
		if errors.Is(err, errNotHeld) {
			err = ErrPhoneTaken
		}
		return s.opened(u, err, "bind a phone number")
	}
}

// errNotHeld says that a number which was taken a moment ago has no holder.
var errNotHeld = errors.New("the number has no holder")

func (s *Service) bindOrJoin(ctx context.Context, id uuid.UUID, phone string) (User, error) {
	sealed, err := s.vault.Seal([]byte(phone), PhoneAssociatedData(id))
	if err != nil {
		return User{}, err
	}
	hashes := s.vault.Hashes(phone)
	u, err := s.store.BindPhone(ctx, PhoneBinding{UserID: id, Sealed: sealed, Hashes: hashes, Now: s.clock()})
	if s.joined == nil || !errors.Is(err, ErrPhoneTaken) {
		return u, err
	}
	merge := Merge{
		From: id, Hashes: hashes, Reseal: ResealPhone(s.vault), Actor: ActorSystem, Reason: "the same verified phone number", Now: s.clock(),
	}
	into, ended, err := s.store.Merge(ctx, merge)
	if errors.Is(err, ErrNotFound) {
		if _, err := s.store.User(ctx, id); err != nil {
			return User{}, err
		}
		return User{}, errNotHeld
	}
	if err != nil {
		return User{}, err
	}
	s.joined(merge.Now, ended...)
	return s.store.User(ctx, into)
}

func (s *Service) clock() time.Time { return s.now().UTC().Truncate(time.Microsecond) }

// askPhone exchanges a phone code within the user's number of calls a day.
func (s *Service) askPhone(ctx context.Context, i Identity, code string) (GivenPhone, error) {
	var call int64
	if s.phoneLimit > 0 && i.UserID != uuid.Nil {
		now := s.clock()
		var err error
		call, err = s.store.TakePhoneCall(ctx, i.UserID, s.phoneLimit, now.Add(-phoneWindow), now)
		if err != nil {
			return GivenPhone{}, fmt.Errorf("count calls for phone numbers: %w", err)
		}
		if call == 0 {
			return GivenPhone{}, ErrPhoneLimit
		}
	}
	// A client that disconnects does not cancel the call: WeChat may have charged
	// already, and a disconnect must not evade the limit.
	given, err := s.provider.PhoneNumber(context.WithoutCancel(ctx), i.AppID, i.OpenID, code)
	if err == nil {
		return given, nil
	}
	err = fmt.Errorf("exchange a phone code: %w", err)
	if call != 0 {
		// Where even this fails, the call counts, and the log has both errors.
		if back := s.store.ReturnPhoneCall(context.WithoutCancel(ctx), i.UserID, call); back != nil {
			err = fmt.Errorf("%w (the call could not be given back: %v)", err, back) //nolint:errorlint // the second is told, and decides nothing
		}
	}
	return GivenPhone{}, err
}

// GivenPhone is a phone number as the provider gives it: without the country
// code, and the country code in digits. It prints masked.
type GivenPhone struct {
	Number  Phone
	Country string
}

// Is reports whether this is a number in the form in which it is stored.
func (g GivenPhone) Is(stored Phone) bool { return string(stored) == g.number() }

// number returns the form in which a number is stored, hashed and found: without a
// country code for mainland China, otherwise with + and the country code.
func (g GivenPhone) number() string {
	country := strings.TrimLeft(g.Country, "+0")
	if country == "" || country == "86" {
		return string(g.Number)
	}
	return "+" + country + string(g.Number)
}
