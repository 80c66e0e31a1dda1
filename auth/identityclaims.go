package auth

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The claims that hold the platform's identifiers of the user.
const (
	claimOpenID  = "openid"
	claimUnionID = "unionid"
)

// CheckIdentityClaims returns an error if a name is neither openid nor unionid,
// or is also one of the metadata's claims.
func CheckIdentityClaims(names, metadata []string) error {
	for i, name := range names {
		if name != claimOpenID && name != claimUnionID {
			return fmt.Errorf("expected openid, unionid or both: number %d is neither", i+1)
		}
		if slices.Contains(names[:i], name) {
			return errors.New("expected each name once, but " + name + " comes twice")
		}
		if slices.ContainsFunc(metadata, func(other string) bool { return strings.EqualFold(other, name) }) {
			return fmt.Errorf("expected a claim that is free, but %s is one of WUGAN_METADATA_CLAIMS", name)
		}
	}
	return nil
}
