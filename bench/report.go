package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

type micro struct {
	name string
	took time.Duration
}

// results are everything that one run found.
type results struct {
	machine              string
	algorithm, level     string
	figures              []figures
	idleMiB, loadedMiB   float64
	binaryMiB            float64
	ready                time.Duration
	refreshed, rowsAdded int
	variants             []variant
	micro                []micro
}

// machine says where the figures are from.
func machine() string {
	model := "unknown processor"
	if data, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(data)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%d cores (%s), %s, %s; PostgreSQL, the service, the clients and the mock server of WeChat share them", runtime.NumCPU(), model, runtime.GOOS+"/"+runtime.GOARCH, runtime.Version())
}

func (r results) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Machine: %s. Access tokens in %s, log level %s.\n\n", r.machine, r.algorithm, r.level)
	b.WriteString("| clients | pgbench before, after | refresh | of pgbench | login, known user | of pgbench | verify | healthz | verify of healthz |\n|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, f := range r.figures {
		fmt.Fprintf(&b, "| %d | %.0f, %.0f/s | %.0f/s | **%.2f** | %.0f/s | **%.2f** | %.0f/s | %.0f/s | **%.2f** |\n",
			f.clients, f.before, f.after, f.refresh.rate, f.refresh.rate/f.limit(), f.login.rate, f.login.rate/f.limit(),
			f.verify.rate, f.healthz.rate, f.verify.rate/f.healthz.rate)
	}
	b.WriteString("\n| clients | refresh p50, p99 | login p50, p99 | commits a refresh, login, verify | processor time of the service a refresh, login, verify | bytes it allocates | processor time of the clients |\n|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, f := range r.figures {
		fmt.Fprintf(&b, "| %d | %s, %s | %s, %s | %.2f, %.2f, %.4f | %s, %s, %s | %.0f, %.0f, %.0f | %s, %s, %s |\n", f.clients,
			short(f.refresh.p50), short(f.refresh.p99), short(f.login.p50), short(f.login.p99),
			f.refreshCost.commits, f.loginCost.commits, f.verifyCost.commits,
			short(f.refreshCost.cpu), short(f.loginCost.cpu), short(f.verifyCost.cpu),
			f.refreshCost.memory, f.loginCost.memory, f.verifyCost.memory,
			short(f.refreshCost.clients), short(f.loginCost.clients), short(f.verifyCost.clients))
	}
	b.WriteString("\n| refreshes with | clients | a second | of pgbench | processor time of the service | bytes it allocates |\n|--|--:|--:|--:|--:|--:|\n")
	for _, v := range r.variants {
		fmt.Fprintf(&b, "| access tokens in %s, log level %s | %d | %.0f | **%.2f** | %s | %.0f |\n",
			v.algorithm, v.level, v.clients, v.refresh.rate, v.refresh.rate/v.limit, short(v.cost.cpu), v.cost.memory)
	}
	b.WriteString("\n| | set out for | this run |\n|--|--:|--:|\n")
	for _, g := range r.goals() {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", g.name, g.goal, g.reached)
	}
	fmt.Fprintf(&b, "\n| | |\n|--|--:|\n| resident memory, idle | %.1f MiB |\n| resident memory, after the load | %.1f MiB |\n"+
		"| start to ready, migrated database | %s |\n| binary | %.1f MiB |\n| rows added by %d refreshes of one session | %d |\n",
		r.idleMiB, r.loadedMiB, short(r.ready), r.binaryMiB, r.refreshed, r.rowsAdded)
	if len(r.micro) > 0 {
		b.WriteString("\n| in one process | a call |\n|--|--:|\n")
		for _, m := range r.micro {
			fmt.Fprintf(&b, "| %s | %s |\n", m.name, short(m.took))
		}
	}
	return b.String()
}

func short(d time.Duration) string {
	switch {
	case d < 10*time.Microsecond:
		return fmt.Sprintf("%d ns", d.Nanoseconds())
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.0f µs", float64(d)/float64(time.Microsecond))
	}
	return fmt.Sprintf("%.0f ms", float64(d)/float64(time.Millisecond))
}

// The part of performance.md that this command writes.
const (
	beginMark = "<!-- figures: written by make bench -->"
	endMark   = "<!-- end of figures -->"
)

// write puts the figures into the pages and draws them, in both languages.
func (r results) write(folder string) error {
	figures, picture := r.markdown(), r.svg()
	if err := put(filepath.Join(folder, "en", "performance.md"), figures); err != nil {
		return err
	}
	if err := put(filepath.Join(folder, "zh", "performance.md"), inChinese.Replace(figures)); err != nil {
		return err
	}
	images := filepath.Join(folder, "images")
	if err := os.WriteFile(filepath.Join(images, "performance-en.svg"), []byte(picture), 0o644); err != nil { // a picture
		return err
	}
	return os.WriteFile(filepath.Join(images, "performance-zh.svg"), []byte(inChinese.Replace(picture)), 0o644) // a picture
}

// put writes the figures between the marks of a page.
func put(path, figures string) error {
	page, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, rest, ok1 := strings.Cut(string(page), beginMark)
	_, tail, ok2 := strings.Cut(rest, endMark)
	if !ok1 || !ok2 {
		return fmt.Errorf("%s lacks the marks between which the figures stand", path)
	}
	text := head + beginMark + "\n\n" + figures + "\n" + endMark + tail
	return os.WriteFile(path, []byte(text), 0o644) // a document
}

// svg draws the ratios as bars against PostgreSQL's own rate.
func (r results) svg() string {
	const (
		left, width, row, most = 150, 420, 34, 2.0
	)
	type bar struct {
		label       string
		value, goal float64
	}
	var bars []bar
	for _, f := range r.figures {
		goals := map[int][2]float64{16: {0.75, 0.6}, 64: {1.0, 0.6}}[f.clients]
		bars = append(bars,
			bar{fmt.Sprintf("refresh, %d", f.clients), f.refresh.rate / f.limit(), goals[0]},
			bar{fmt.Sprintf("login, %d", f.clients), f.login.rate / f.limit(), goals[1]})
	}
	height := len(bars)*row + 70
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 %d" font-family="system-ui, sans-serif" font-size="13" role="img" aria-label="Refreshes and logins a second as a share of pgbench's single-row updates">`+"\n", height)
	b.WriteString(`<rect width="100%" height="100%" fill="#fff"/>` + "\n")
	fmt.Fprintf(&b, `<text x="16" y="24" fill="#222" font-weight="600">Refreshes and logins a second, pgbench's single-row update = 1</text>`+"\n")
	x := func(v float64) float64 { return left + min(v, most)/most*width }
	for _, v := range []float64{0, 0.5, 1, 1.5, 2} {
		fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1f" y1="38" y2="%d" stroke="%s"/><text x="%.1f" y="%d" fill="#666" text-anchor="middle">%g</text>`+"\n",
			x(v), x(v), height-26, map[bool]string{true: "#888", false: "#e4e4e4"}[v == 1], x(v), height-10, v)
	}
	for i, one := range bars {
		y := 46 + i*row
		color := "#2f855a"
		if strings.HasPrefix(one.label, "login") {
			color = "#2b6cb0"
		}
		fmt.Fprintf(&b, `<text x="%d" y="%d" fill="#222" text-anchor="end">%s</text><rect x="%d" y="%d" width="%.1f" height="20" rx="3" fill="%s"/><text x="%.1f" y="%d" fill="#222">%.2f</text>`+"\n",
			left-10, y+15, one.label, left, y, x(one.value)-left, color, x(one.value)+6, y+15, one.value)
		if one.goal > 0 {
			fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="#c53030" stroke-width="2"/>`+"\n", x(one.goal), x(one.goal), y-3, y+23)
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}
