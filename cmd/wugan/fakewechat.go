package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/wugan/wugan/wechat/fakewechat"
)

func fakewechatCommand() *cobra.Command {
	var (
		fake fakewechat.Command
		apps []string
	)
	c := &cobra.Command{
		Use:     "fakewechat",
		Short:   "Run a mock server of WeChat's API, for tests in any language",
		Example: `  wugan fakewechat --app wx4f4bc4dec97d474b:secret`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, text := range apps {
				a, err := fakewechat.ParseApp(text)
				if err != nil {
					return usageError{fmt.Errorf("--app: %w", err)} // the text may hold a secret
				}
				fake.Apps = append(fake.Apps, a)
			}
			fake.Out = cmd.ErrOrStderr()
			return fake.Run(cmd.Context())
		},
	}
	c.Flags().StringVar(&fake.Listen, "listen", "127.0.0.1:8090", "address that plays api.weixin.qq.com")
	c.Flags().StringVar(&fake.Control, "control", "127.0.0.1:8091", "address of the control side; keep it private")
	c.Flags().StringArrayVar(&apps, "app", nil, "a mini program, appid:secret or appid:secret:platform; may be repeated")
	c.Flags().BoolVar(&fake.NoDevCodes, "no-dev-codes", false, "refuse codes of the form dev:NAME")
	c.Flags().Uint64Var(&fake.Seed, "seed", 0, "make codes, keys and faults the same in every run; 0: random")
	return c
}
