package userimport

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/wugan/wugan/users"
)

// Limits, in characters: those of the API.
const (
	maxID        = 128
	maxNickname  = 64
	maxAvatarURL = 1024
)

// row is a line of the file, as it is written there.
type row struct {
	AppID     string          `json:"appId"`
	OpenID    string          `json:"openid"`
	UnionID   string          `json:"unionid"`
	Nickname  string          `json:"nickname"`
	AvatarURL string          `json:"avatarUrl"`
	Phone     string          `json:"phone"`
	Roles     []string        `json:"roles"`
	Metadata  json.RawMessage `json:"metadata"`
	CreatedAt string          `json:"createdAt"`
}

// columns set the fields of a row from the cells of a CSV file.
var columns = map[string]func(r *row, cell string){
	"appId":     func(r *row, cell string) { r.AppID = cell },
	"openid":    func(r *row, cell string) { r.OpenID = cell },
	"unionid":   func(r *row, cell string) { r.UnionID = cell },
	"nickname":  func(r *row, cell string) { r.Nickname = cell },
	"avatarUrl": func(r *row, cell string) { r.AvatarURL = cell },
	"phone":     func(r *row, cell string) { r.Phone = cell },
	"roles": func(r *row, cell string) {
		for role := range strings.SplitSeq(cell, ",") {
			if role = strings.TrimSpace(role); role != "" {
				r.Roles = append(r.Roles, role)
			}
		}
	},
	"metadata":  func(r *row, cell string) { r.Metadata = json.RawMessage(cell) },
	"createdAt": func(r *row, cell string) { r.CreatedAt = cell },
}

// person checks a row and returns whom it describes, with the phone number in the
// form in which it is stored. The error never repeats a value.
func (r *row) person(apps map[string]App) (p users.Imported, phone users.Phone, err error) {
	app, known := apps[r.AppID]
	switch {
	case r.AppID == "":
		return p, "", errors.New("appId is missing")
	case !known:
		return p, "", errors.New("appId is not an app of the settings")
	case r.OpenID == "":
		return p, "", errors.New("openid is missing")
	case !printable(r.OpenID, maxID):
		return p, "", fmt.Errorf("openid is not 1 to %d printable ASCII characters", maxID)
	case r.UnionID != "" && !printable(r.UnionID, maxID):
		return p, "", fmt.Errorf("unionid is not 1 to %d printable ASCII characters", maxID)
	case utf8.RuneCountInString(r.Nickname) > maxNickname || !utf8.ValidString(r.Nickname) || strings.ContainsFunc(r.Nickname, control):
		return p, "", fmt.Errorf("nickname is not at most %d characters of UTF-8 without control characters", maxNickname)
	case r.AvatarURL != "" && !avatar(r.AvatarURL):
		return p, "", fmt.Errorf("avatarUrl is not an http or https address of at most %d characters that others can reach", maxAvatarURL)
	}
	p = users.Imported{
		Provider: app.Provider, Account: app.Account, AppID: r.AppID, OpenID: r.OpenID, UnionID: r.UnionID,
		Nickname: r.Nickname, AvatarURL: r.AvatarURL, Roles: r.Roles,
	}
	if r.Phone != "" {
		if phone, known = users.ParsePhone(r.Phone); !known {
			return p, "", errors.New("phone is neither +COUNTRY and the number nor a mobile number of mainland China")
		}
	}
	var input *users.InputError
	if err := users.CheckRoles(r.Roles); errors.As(err, &input) {
		return p, "", fmt.Errorf("%s %s", input.Field, input.Problem)
	}
	if text := strings.TrimSpace(string(r.Metadata)); text != "" && text != "null" {
		if p.Metadata, err = users.NormalizeMetadata(r.Metadata); errors.As(err, &input) {
			return p, "", fmt.Errorf("%s %s", input.Field, input.Problem)
		} else if err != nil {
			return p, "", errors.New("metadata is not a JSON object")
		}
	}
	if r.CreatedAt != "" {
		p.CreatedAt, err = time.Parse(time.RFC3339, r.CreatedAt)
		if err != nil || p.CreatedAt.Year() < 2000 || p.CreatedAt.Year() > 9999 {
			return p, "", errors.New("createdAt is not a time such as 2024-05-01T08:00:00+08:00")
		}
		p.CreatedAt = p.CreatedAt.UTC().Truncate(time.Microsecond)
	}
	return p, phone, nil
}

func control(r rune) bool { return r < ' ' || r == 0x7f }

func printable(text string, most int) bool {
	return len(text) <= most && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

func avatar(address string) bool {
	u, err := url.Parse(address)
	return err == nil && printable(address, maxAvatarURL) && (u.Scheme == "https" || u.Scheme == "http") &&
		u.User == nil && strings.Contains(u.Hostname(), ".")
}
