package auth

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// reservedClaims are claim names with a fixed meaning: wugan's own, those of
// RFC 7519, RFC 9068 and OpenID Connect, and those that resource servers commonly
// use to authorize a request. An operator's free text must not become one of
// them, because some (roles) are absent from many tokens.
var reservedClaims = []string{
	"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "sid", "seq", "prev", "typ",
	"roles", "role", "groups", "entitlements", "permissions", "scope", "scopes", "scp", "authorities",
	"azp", "acr", "amr", "auth_time", "nonce", "at_hash", "c_hash", "cnf", "act", "may_act", "events", "token_type",
}

var claimForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.:/-]{0,63}$`)

// CheckMetadataClaims returns an error if a name cannot be a metadata claim of
// access tokens: a reserved name in any letter case, because some readers ignore
// case, or a string that is not a name.
func CheckMetadataClaims(names []string) error {
	for i, name := range names {
		if !claimForm.MatchString(name) {
			return fmt.Errorf("expected names of members of the metadata such as tier,region: number %d is none", i+1)
		}
		same := func(other string) bool { return strings.EqualFold(name, other) }
		if slices.ContainsFunc(reservedClaims, same) {
			return fmt.Errorf("expected names that are free, but the claim %s has a meaning of its own", name)
		}
		if slices.ContainsFunc(names[:i], same) {
			return fmt.Errorf("expected each name once, but %s comes twice", name)
		}
	}
	return nil
}
