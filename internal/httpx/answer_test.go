package httpx

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

func TestReadAll(t *testing.T) {
	t.Parallel()
	const limit = 5 << 20
	text := bytes.Repeat([]byte("0123456789abcdef"), limit/16+1)
	for _, n := range []int{0, 1, 32<<10 - 1, 32 << 10, 32<<10 + 1, 3 << 20, limit - 1, limit, limit + 1, limit + 16} {
		for name, wrap := range map[string]func(io.Reader) io.Reader{
			"plain": func(r io.Reader) io.Reader { return r }, "half": iotest.HalfReader, "data with EOF": iotest.DataErrReader,
		} {
			body, got, err := readAll(wrap(bytes.NewReader(text[:n])), limit)
			if n > limit {
				if body != nil || got <= limit || err != nil {
					t.Errorf("%s, %d bytes: got %d of %d and %v, want nothing and more than the limit", name, n, len(body), got, err)
				}
				continue
			}
			if !bytes.Equal(body, text[:n]) || got != int64(n) || err != nil {
				t.Errorf("%s, %d bytes: got %d of %d and %v", name, n, len(body), got, err)
			}
		}
	}
	// A body that ends early ends with an error, not with EOF.
	for _, broken := range []error{io.ErrUnexpectedEOF, errors.New("reset")} {
		body, got, err := readAll(io.MultiReader(bytes.NewReader(text[:100_000]), iotest.ErrReader(broken)), limit)
		if body != nil || got != 100_000 || !errors.Is(err, broken) {
			t.Errorf("got %d of %d and %v, want %v", len(body), got, err, broken)
		}
	}
}
