package main

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/wugan/wugan/auth/verify"
	"github.com/wugan/wugan/internal/keyfile"
)

// keysPEMCommand serves gateways that read no JWK Set, such as HAProxy.
func keysPEMCommand() *cobra.Command {
	var kid string
	c := &cobra.Command{
		Use:     "pem FILE",
		Short:   "Print the public half of a key as PEM, for gateways that read no JWK Set",
		Example: `  wugan keys pem access.jwks > public.pem`,
		Long: `Print the public half of a key of a file as PEM (SubjectPublicKeyInfo), for
gateways that read no JWK Set. It holds nothing secret. Without --kid it is the
key that signs now.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			set, err := keyfile.Load(args[0])
			if err != nil {
				return err
			}
			if kid == "" {
				kid = set.Signer(time.Now()).ID
			}
			key, err := set.Key(cmd.Context(), kid)
			if err != nil {
				return fmt.Errorf("%s has no key %q", args[0], kid)
			}
			if _, symmetric := key.Public.(verify.Secret); symmetric {
				return errors.New("an HS256 key has no public half: use ES256, EdDSA or RS256 for access tokens")
			}
			der, err := x509.MarshalPKIXPublicKey(key.Public)
			if err != nil {
				return fmt.Errorf("write the key: %w", err)
			}
			return pem.Encode(cmd.OutOrStdout(), &pem.Block{Type: "PUBLIC KEY", Bytes: der})
		},
	}
	c.Flags().StringVar(&kid, "kid", "", "id of the key (default: the one that signs now)")
	return c
}
