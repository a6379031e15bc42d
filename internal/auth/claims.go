package auth

import (
	"fmt"
	"slices"
	"strings"
)

// claim finds a claim by its path, names with dots between. Names may have
// dots themselves ("kubernetes.io", "https://example.com/tenant"), so at every
// step the longest name that is there is taken.
func claim(claims map[string]any, path string) (value any, ok bool) {
	if v, ok := claims[path]; ok {
		return v, true
	}
	for end := strings.LastIndexByte(path, '.'); end >= 0; end = strings.LastIndexByte(path[:end], '.') {
		if inner, ok := claims[path[:end]].(map[string]any); ok {
			if v, ok := claim(inner, path[end+1:]); ok {
				return v, true
			}
		}
	}
	return nil, false
}

// nameClaim reads a claim that is to be a name.
func nameClaim(claims map[string]any, path string) (string, error) {
	value, ok := claim(claims, path)
	if !ok {
		return "", refuse(WrongClaims, "the token has no claim %s, which this server needs to know who is calling", path)
	}
	name, ok := value.(string)
	if !ok {
		return "", refuse(WrongClaims, "the token's claim %s is %s; this server needs one text there to know who is calling", path, kind(value))
	}
	if bad := badName(name); bad != "" {
		return "", refuse(WrongClaims, "the token's claim %s %s, so it cannot be used as a name", path, bad)
	}
	return name, nil
}

func kind(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "a truth value"
	case float64:
		return "a number"
	case []any:
		return "a list"
	default:
		return "an object"
	}
}

// checkRequired checks that the claim has one of the values; a list, that one
// of them is in it.
func checkRequired(claims map[string]any, path string, values []string) error {
	value, ok := claim(claims, path)
	if !ok {
		return refuse(WrongClaims, "the token has no claim %s, which this server wants to be %s", path, oneOf(values))
	}
	if list, ok := value.([]any); ok {
		for _, v := range list {
			if s, ok := v.(string); ok && slices.Contains(values, s) {
				return nil
			}
		}
		return refuse(WrongClaims, "the token's list of %s lacks what this server wants in it: %s", path, oneOf(values))
	}
	if b, ok := value.(bool); ok {
		value = fmt.Sprint(b)
	}
	s, ok := value.(string)
	if !ok {
		return refuse(WrongClaims, "the token's claim %s is %s; this server wants it to be %s", path, kind(value), oneOf(values))
	}
	if !slices.Contains(values, s) {
		return refuse(WrongClaims, "the token's claim %s is %s; this server wants it to be %s", path, quote(s), oneOf(values))
	}
	return nil
}

func oneOf(values []string) string {
	if len(values) == 1 {
		return quote(values[0])
	}
	return "one of " + quoteAll(values)
}
