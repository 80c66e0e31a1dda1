package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// refreshTokens returns a function that makes the refresh token of session i in
// some round, as the service would have: a benchmark cannot log ten million people in
// before each measurement.
func (b *bench) refreshTokens() (func(i int, round int64) string, error) {
	data, err := os.ReadFile(filepath.Join(b.folder, "refresh.jwks"))
	if err != nil {
		return nil, err
	}
	var set struct {
		Keys []struct{ K, Kid, Alg string }
	}
	if err := json.Unmarshal(data, &set); err != nil || len(set.Keys) != 1 || set.Keys[0].Alg != "HS256" {
		return nil, errors.New("the refresh keys are not one HS256 key")
	}
	encoding := base64.RawURLEncoding
	secret, err := encoding.DecodeString(set.Keys[0].K)
	if err != nil {
		return nil, errors.New("the refresh key cannot be read")
	}
	header := encoding.EncodeToString([]byte(`{"alg":"HS256","kid":"` + set.Keys[0].Kid + `","typ":"rt+jwt"}`))
	now := time.Now().Unix()
	return func(i int, round int64) string {
		id := sessionID(i)
		id = id[:8] + "-" + id[8:] + "-7000-8000-000000000000"
		claims := fmt.Sprintf(`{"iss":%q,"sub":%q,"aud":%q,"client_id":%q,"iat":%d,"exp":%d,"sid":%q,"seq":%d,"prev":%d}`,
			issuer, id, issuer, appID, now, now+7*24*3600, id, round+1, round)
		signed := header + "." + encoding.EncodeToString([]byte(claims))
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(signed))
		return signed + "." + encoding.EncodeToString(mac.Sum(nil))
	}, nil
}
