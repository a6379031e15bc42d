package client

import (
	"errors"
	"iter"

	"connectrpc.com/connect"
)

// pages yields what a list holds, page after page. The first error is the last
// that is yielded.
func pages[T any](op string, page func(token string) (entries []T, next string, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		for token := ""; ; {
			entries, next, err := page(token)
			if err != nil {
				yield(none, err)
				return
			}
			for _, one := range entries {
				if !yield(one, nil) {
					return
				}
			}
			switch next {
			case "":
				return
			case token:
				yield(none, newError(op, connect.NewError(connect.CodeInternal, errors.New("the server gives the same page again and again"))))
				return
			}
			token = next
		}
	}
}
