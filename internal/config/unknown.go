package config

import (
	"os"
	"regexp"
	"slices"
	"strings"
)

// orchestrated are the variables that Kubernetes and Docker make for services
// whose name begins with wugan, without those that end in _PORT alone.
// https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
var orchestrated = regexp.MustCompile(`^WUGAN_([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)

// otherwise reports whether a variable with our prefix is made by an orchestrator
// or steers the project's own tests, which start the program.
func otherwise(name, value string) bool {
	if strings.HasSuffix(name, "_PORT") && strings.Contains(value, "://") {
		return true // an orchestrator's; WUGAN_METRICS_PORT=9090 is a mistake
	}
	return orchestrated.MatchString(name) || name == "WUGAN_BIN" || strings.HasPrefix(name, "WUGAN_TEST_")
}

// checkNames refuses a variable that begins with our prefix and is no setting: a
// setting that is misspelt would be ignored.
func checkNames() error {
	known := make([]string, 0, 2*len(Names()))
	for _, name := range Names() {
		known = append(known, prefix+"_"+name, prefix+"_"+name+"_FILE")
	}
	environment := os.Environ()
	slices.Sort(environment)
	for _, variable := range environment {
		name, value, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, prefix+"_") || slices.Contains(known, name) || otherwise(name, value) {
			continue
		}
		return Error{name, "expected one of wugan's settings, and this is none: is it " + nearest(name, known) + "?"}
	}
	return nil
}

// nearest is the name that takes the fewest changes, where a word in common, or the
// beginning of one, makes up for five; of several the first.
func nearest(name string, known []string) string {
	name = strings.ToUpper(name)
	words := strings.Split(name, "_")
	score := func(other string) int {
		d := distance(name, other)
		for word := range strings.SplitSeq(other, "_") {
			if slices.ContainsFunc(words, func(w string) bool { return w != "" && strings.HasPrefix(word, w) }) {
				d -= 5
			}
		}
		return d
	}
	return slices.MinFunc(known, func(a, b string) int { return score(a) - score(b) })
}

// distance is how many characters have to be put in, taken out or replaced to make
// one string of another (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
