package server

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
)

// A page token is opaque to callers: where the next page begins, and which
// list and filter it belongs to.

func pageToken(position, list, filter string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(listID(list, filter) + position))
}

var errPageToken = errors.New("the token is of another list")

func readPageToken(token, list, filter string) (string, error) {
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return "", err
	}
	position, ok := strings.CutPrefix(string(text), listID(list, filter))
	if !ok || position == "" {
		return "", errPageToken
	}
	return position, nil
}

// listID keeps a token from being used with another filter, which would
// silently skip entries.
func listID(list, filter string) string {
	sum := sha256.Sum256([]byte(list + "\n" + filter))
	return string(sum[:8])
}

func badPageToken() error {
	return invalid("PAGE_TOKEN", "pageToken: send nextPageToken of the previous page, with the same filters; or none for the first page")
}

// pageSize returns how many entries a page has, as the contract says.
func pageSize(asked int32) int {
	switch {
	case asked <= 0:
		return 50
	case asked > 500:
		return 500
	default:
		return int(asked)
	}
}
