package files

import (
	"fmt"
	"path"
	"strings"

	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/metrics"
)

// Expand fills a query's ${variables}. Where a variable stands decides how its
// value is written: in the glob it stands for itself, as part of one name, without
// separators or characters that mean something in a query; between the quotes of a
// matcher, quotes and backslashes in it are escaped. Elsewhere there can be none.
func Expand(query string, variables map[string]string) (string, error) {
	expanded, err := metrics.ExpandTemplate(query, variables, quote)
	if err != nil {
		return "", err
	}
	// Dots are fine in a name, and two values may make one of nothing else.
	_, _, err = parseQuery(expanded)
	return expanded, err
}

func quote(prefix, name, value string) (string, error) {
	if brace := strings.IndexByte(prefix, '{'); brace >= 0 {
		return quoteValue(prefix[brace:], name, value)
	}
	if !logs.Literal(value, `/\*?[]^{}`) || strings.TrimSpace(value) != value {
		return "", fmt.Errorf(`the value %q of %q cannot be part of a file's name in a query: it is empty, begins or ends with a space, or has a slash, a backslash, one of * ? [ ] ^ { } or a character that does not print`, value, name)
	}
	if strings.LastIndexByte(prefix, '[') > strings.LastIndexByte(prefix, ']') {
		return "", fmt.Errorf("${%s} stands in a [class] of the glob, where a value could not stand for itself: move it out", name)
	}
	if strings.HasSuffix(prefix, `\`) {
		return "", fmt.Errorf("${%s} stands behind a backslash: remove it", name)
	}
	return value, nil
}

// quoteValue writes a value into the matchers of a query.
func quoteValue(prefix, name, value string) (string, error) {
	switch logs.PlaceOf(prefix) {
	case logs.Bare:
		return "", fmt.Errorf(`${%s} stands between the matchers or in the name of a field: put it between quotes, as in {%s="${%s}"}`, name, name, name)
	case logs.Escaped:
		return "", fmt.Errorf("${%s} stands behind a backslash: remove it", name)
	case logs.Quoted:
	}
	if !logs.Literal(value, "") {
		return "", fmt.Errorf("the value %q of %q cannot be compared with: it is empty or has a character that does not print", value, name)
	}
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value), nil
}

const (
	// maxGlob and maxSegments bound what matching costs for each file.
	maxGlob     = 4096
	maxSegments = 32
)

// checkGlob checks that a query is a glob for what is below the root.
func checkGlob(query string) error {
	hint := "a query is a glob below the source's root, such as v1.2/*.log"
	if query == "" {
		return nil
	}
	segments := strings.Split(query, "/")
	if len(query) > maxGlob || len(segments) > maxSegments {
		return &queryError{fmt.Errorf("the glob has %d bytes and %d names, the limits are %d and %d", len(query), len(segments), maxGlob, maxSegments), hint}
	}
	for _, s := range segments {
		switch s {
		case "":
			return &queryError{fmt.Errorf("the glob %q begins or ends with a slash or has two together", query), hint}
		case ".", "..":
			return &queryError{fmt.Errorf("the glob %q has the name %q, which could leave the root", query, s), hint}
		}
		if _, err := path.Match(s, ""); err != nil {
			return &queryError{fmt.Errorf("the glob %q: %w at %q", query, err, s), hint}
		}
	}
	return nil
}
