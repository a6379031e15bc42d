package server

import (
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/proto"

	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// Messages are kept in the store as a format byte and the message, compressed
// from a size on: a judgment of twenty signals shrinks to a fifth.
const (
	packedPlain = 1
	packedZstd  = 2
)

const packFrom = 512

// maxPacked bounds what is unpacked of one message.
const maxPacked = 64 << 20

var zstdCodec = sync.OnceValues(func() (*zstd.Encoder, *zstd.Decoder) {
	// Neither returns an error for options that are right, and these never change.
	e, _ := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(64<<10), zstd.WithLowerEncoderMem(true))
	d, _ := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxPacked), zstd.WithDecoderConcurrency(0), zstd.WithDecoderLowmem(true))
	return e, d
})

func pack(m proto.Message) ([]byte, error) {
	plain, err := proto.MarshalOptions{Deterministic: true}.MarshalAppend([]byte{packedPlain}, m)
	if err != nil || len(plain) < packFrom {
		return plain, err
	}
	e, _ := zstdCodec()
	return e.EncodeAll(plain[1:], []byte{packedZstd}), nil
}

func unpack(b []byte, into proto.Message) error {
	if len(b) == 0 {
		return errors.New("a stored message is empty")
	}
	plain := b[1:]
	switch b[0] {
	case packedPlain:
	case packedZstd:
		_, d := zstdCodec()
		var err error
		if plain, err = d.DecodeAll(plain, nil); err != nil {
			return fmt.Errorf("a stored message is damaged: %w", err)
		}
	default:
		return fmt.Errorf("a stored message has format %d: this version of judged reads 1 and 2", b[0])
	}
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(plain, into); err != nil {
		return fmt.Errorf("a stored message is damaged: %w", err)
	}
	return nil
}

// ended reports whether nothing more will happen to an analysis.
func ended(s judgedv1.AnalysisState) bool {
	switch s {
	case judgedv1.AnalysisState_COMPLETED, judgedv1.AnalysisState_CANCELED, judgedv1.AnalysisState_EXPIRED:
		return true
	default:
		return false
	}
}
