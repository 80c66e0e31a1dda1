package config

import (
	"net/url"
	"strings"

	"github.com/wugan/wugan/events"
	"github.com/wugan/wugan/internal/standardwebhooks"
	"github.com/wugan/wugan/users"
)

// Webhooks says where events go and how they are signed.
type Webhooks struct {
	// URL is nil where no webhooks are wanted.
	URL    *url.URL
	Secret standardwebhooks.Secret
	Kinds  []users.EventKind // nil: all
}

// Webhooks reads the settings of webhooks.
func (c *Config) Webhooks() (w Webhooks, err error) {
	for _, name := range c.WebhookKinds {
		kind := users.EventKind(strings.TrimSpace(name))
		if !events.Known(kind) {
			return Webhooks{}, Wrong("WEBHOOK_KINDS", "expected kinds of events such as user_created,user_deleted (docs/en/events.md lists them)")
		}
		w.Kinds = append(w.Kinds, kind)
	}
	if !c.WebhookURL.Empty() {
		w.URL, err = url.Parse(c.WebhookURL.Reveal())
		if err != nil || w.URL.Scheme != "https" && w.URL.Scheme != "http" || w.URL.Hostname() == "" || !possiblePort(w.URL) || w.URL.Fragment != "" {
			return Webhooks{}, Wrong("WEBHOOK_URL", "expected an address such as https://shop.example.com/hooks/wugan")
		}
	}
	if w.URL != nil || !c.WebhookSecret.Empty() {
		if w.Secret, err = standardwebhooks.ParseSecret(c.WebhookSecret.Reveal()); err != nil {
			return Webhooks{}, Wrong("WEBHOOK_SECRET", "%s (echo whsec_$(openssl rand -base64 32))", err)
		}
	}
	if w.URL == nil && (!w.Secret.IsZero() || len(w.Kinds) > 0) {
		return Webhooks{}, Wrong("WEBHOOK_URL", "expected the address that takes webhooks, since their other settings are set")
	}
	return w, nil
}
