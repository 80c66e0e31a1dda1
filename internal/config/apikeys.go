package config

import "github.com/wugan/wugan/internal/apikey"

// OperatorKeys are the keys of machines and operators. What comes from a file is
// read each time, so that a key can be replaced while the service runs.
func (c *Config) OperatorKeys() ([]apikey.Key, error) {
	text, err := c.present("API_KEYS", c.APIKeys)
	if err != nil {
		return nil, err
	}
	keys, err := apikey.Parse(splitList(text))
	if err != nil {
		return nil, Wrong("API_KEYS", "expected name:scope:key,name:scope:key, but %s", err)
	}
	if !c.AdminKey.Empty() && !fitsAHeader(c.AdminKey.Reveal()) {
		return nil, Wrong("ADMIN_KEY", "expected 32 characters or more, all of them printable ASCII and none a space")
	}
	if !c.GatewayKey.Empty() && !fitsAHeader(c.GatewayKey.Reveal()) {
		return nil, Wrong("GATEWAY_KEY", "expected 32 characters or more, all of them printable ASCII and none a space")
	}
	if !c.AdminKey.Empty() && c.GatewayKey.Matches(c.AdminKey.Reveal()) {
		return nil, Wrong("GATEWAY_KEY", "expected another key than WUGAN_ADMIN_KEY")
	}
	if !c.AdminKey.Empty() {
		keys = append(keys, apikey.Key{Name: "admin", Scope: apikey.Admin, Text: c.AdminKey})
	}
	if !c.GatewayKey.Empty() {
		keys = append(keys, apikey.Key{Name: "gateway", Scope: apikey.Gateway, Text: c.GatewayKey})
	}
	if err := apikey.Check(keys); err != nil {
		return nil, Wrong("API_KEYS", "expected other keys than WUGAN_ADMIN_KEY and WUGAN_GATEWAY_KEY, and other names: %s", err)
	}
	return keys, nil
}
