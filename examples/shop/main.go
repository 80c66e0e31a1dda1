// Command shop is the business service of examples/uniapp and examples/taro. It
// serves orders, receipts, advice in a stream and notices on a WebSocket to wugan's
// users, for web pages of other origins and for mini programs. It stores no user and
// no session: it verifies access tokens with the keys that wugan publishes and the
// feed of revoked sessions, so that no request of a user causes a call to wugan.
//
// Settings, by environment:
//
//	AUTH_URL      address of wugan, which is the tokens' issuer; without it
//	              http://localhost:8080
//	AUDIENCE      the tokens' audience; without it the issuer
//	GATEWAY_KEY   wugan's WUGAN_GATEWAY_KEY; without it ended sessions stay good
//	              until their access token expires
//	CORS_ORIGINS  origins of the pages that may call it, by commas; without it
//	              http://localhost:5173
//	ADDR          address to listen on; without it :8081
package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"github.com/wugan/wugan/auth/verify"
)

// maxUpload is the greatest request: a photograph of a receipt, and its form.
const maxUpload = "8M"

func main() {
	log := slog.Default()
	issuer := cmp.Or(os.Getenv("AUTH_URL"), "http://localhost:8080")
	warn := verify.WithErrorHook(func(err error) { log.Warn("wugan", "error", err) })

	keys := verify.JWKS(issuer+"/.well-known/jwks.json", warn)
	defer keys.Close()
	var options []verify.Option
	if key := os.Getenv("GATEWAY_KEY"); key != "" {
		feed := verify.Feed(issuer, key, warn)
		defer feed.Close()
		options = append(options, verify.WithRevocations(feed))
	}
	verifier := verify.New(issuer, cmp.Or(os.Getenv("AUDIENCE"), issuer), keys, options...)

	origins := strings.Split(cmp.Or(os.Getenv("CORS_ORIGINS"), "http://localhost:5173"), ",")
	if err := serve(cmp.Or(os.Getenv("ADDR"), ":8081"), newHandler(verifier, origins)); err != nil {
		log.Error("stopped", "error", err)
	}
}

// serve answers requests until the process is interrupted.
func serve(address string, handler http.Handler) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	server := &http.Server{Addr: address, Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func newHandler(verifier *verify.Verifier, origins []string) http.Handler {
	e := echo.New()
	// In front of the check: a preflight request carries no token, and a page may
	// read a 401 only when it comes with the headers of CORS.
	e.Use(middleware.CORSWithConfig(middleware.CORSConfig{
		AllowOrigins: origins,
		AllowHeaders: []string{echo.HeaderAuthorization, echo.HeaderContentType, echo.HeaderXRequestID},
		MaxAge:       int((10 * time.Minute).Seconds()),
	}))
	e.GET("/healthz", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
	users := e.Group("", echo.WrapMiddleware(verifier.Middleware), middleware.BodyLimit(maxUpload))
	users.GET("/orders", listOrders)
	users.GET("/orders/:id", showOrder)
	users.POST("/receipts", takeReceipt)
	users.POST("/advice", giveAdvice)
	e.GET("/live", live(verifier, origins))
	return e
}

// An order is what this example sells. Prices are in fen.
type order struct {
	ID     int    `json:"id"`
	Title  string `json:"title"`
	Amount int    `json:"amount"`
	State  string `json:"state"`
}

// Everybody has ordered the same: what matters here is who may ask.
var orders = []order{
	{1, "龙井茶 250g", 12800, "已送达"},
	{2, "五常大米 5kg", 6990, "配送中"},
	{3, "青花瓷盖碗", 15800, "待发货"},
	{4, "紫砂壶", 45800, "已送达"},
	{5, "普洱茶饼 357g", 19900, "待付款"},
}

func listOrders(c echo.Context) error {
	user, _ := verify.FromContext(c.Request().Context()) // the middleware guarantees a user
	return c.JSON(http.StatusOK, map[string]any{"userId": user.Subject, "orders": orders})
}

func showOrder(c echo.Context) error {
	id, err := strconv.Atoi(c.Param("id"))
	if err != nil || id < 1 || id > len(orders) {
		return echo.NewHTTPError(http.StatusNotFound, "no such order")
	}
	return c.JSON(http.StatusOK, orders[id-1])
}

// takeReceipt reads a file and tells its size and SHA-256; it keeps nothing.
func takeReceipt(c echo.Context) error {
	header, err := c.FormFile("file")
	if err != nil {
		return echo.NewHTTPError(http.StatusBadRequest, "a multipart form with a file named file is expected")
	}
	file, err := header.Open()
	if err != nil {
		return err
	}
	defer file.Close()
	digest := sha256.New()
	size, err := io.Copy(digest, file)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"size": size, "sha256": hex.EncodeToString(digest.Sum(nil))})
}
