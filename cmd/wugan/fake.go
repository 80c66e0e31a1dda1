package main

import (
	"errors"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wugan/wugan/internal/service"
)

func fakeCommand() *cobra.Command {
	var o service.FakeOptions
	c := &cobra.Command{
		Use:     "fake PROVIDER",
		Short:   "Run a mock server of another platform's API, for tests in any language",
		Example: `  wugan fake alipay --listen 127.0.0.1:8092`,
		Long: `Run the mock server of another platform's API, to test back ends of any
language against: ` + strings.Join(service.FakeNames(), ", ") + `.
For WeChat itself there is wugan fakewechat. The secrets and keys of its apps are in
apps.yaml in the data folder, which is a file of apps for WUGAN_APPS_FILE. They are
made at the first start; apps that are in the file are taken as they are.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Provider = args[0]
			if o.Data == "" {
				o.Data = filepath.Join(".wugan", "fake-"+o.Provider)
			}
			err := service.Fake(cmd.Context(), o, cmd.ErrOrStderr())
			if errors.Is(err, service.ErrNoFake) {
				return usageError{err}
			}
			return err
		},
	}
	c.Flags().StringVar(&o.Listen, "listen", "127.0.0.1:8092", "address that plays the platform")
	c.Flags().StringVar(&o.Control, "control", "127.0.0.1:8093", "address of the control side; keep it private")
	c.Flags().StringVar(&o.URL, "url", "", "address under which others reach the platform; that of --listen where it is not set")
	c.Flags().StringVar(&o.Data, "data", "", "folder for apps.yaml and its keys; .wugan/fake-PROVIDER where it is not set")
	c.Flags().StringArrayVar(&o.Apps, "app", nil, "id of an app; may be repeated")
	c.Flags().StringVar(&o.Push, "push", "", "address of the service that the platform pushes to, such as http://localhost:8080")
	c.Flags().BoolVar(&o.NoDevCodes, "no-dev-codes", false, "refuse codes of the form dev:NAME")
	return c
}
