package replay

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
)

// decompress returns the text of r, which is gzipped if it starts like gzip,
// whatever its name. Reading more than limit bytes of text is an error.
func decompress(r io.Reader, limit int64) (io.Reader, error) {
	buffered := bufio.NewReaderSize(r, 64<<10)
	magic, err := buffered.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	var text io.Reader = buffered
	switch {
	case len(magic) >= 2 && magic[0] == 0x1f && magic[1] == 0x8b:
		if text, err = gzip.NewReader(buffered); err != nil {
			return nil, fmt.Errorf("gzip: %w", err)
		}
		text = gzipText{text}
	case string(magic) == "\x28\xb5\x2f\xfd":
		return nil, errors.New("the file is compressed with zstd, which is not supported: unpack it with `zstd -d` or use gzip")
	}
	return &limitedText{text, limit, limit}, nil
}

// gzipText explains errors of the compressed stream: the checksum is at its
// end, so damage may show only there.
type gzipText struct{ r io.Reader }

func (g gzipText) Read(p []byte) (int, error) {
	n, err := g.r.Read(p)
	switch {
	case err == nil || errors.Is(err, io.EOF):
		return n, err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return n, errors.New("gzip: the file is cut off")
	default:
		return n, fmt.Errorf("gzip: the file is damaged: %w", err)
	}
}

// limitedText is like io.LimitedReader, but more text is an error, not an end.
type limitedText struct {
	r           io.Reader
	left, limit int64
}

func (l *limitedText) Read(p []byte) (int, error) {
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	if int64(n) > l.left {
		return 0, overLimit(l.limit, "bytes of text")
	}
	l.left -= int64(n)
	return n, err
}
