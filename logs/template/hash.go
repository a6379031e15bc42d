package template

import (
	"encoding/binary"
	"math/bits"

	"github.com/judged-dev/judged/logs"
)

// The hash follows the construction of wyhash (Wang Yi, public domain, and its
// final version 4 described at github.com/wangyi-fudan/wyhash): both halves of a
// 128-bit product, xored, over 16 bytes of text at a time. The constants are
// ours: the first digits of the fractional parts of pi, e, the square roots of 2
// and 3, made odd. It is part of what is stored: templates keep their ids across
// versions only while it stays as it is.
const (
	k0 = 0x243f6a8885a308d3
	k1 = 0xb7e151628aed2a6b
	k2 = 0x6a09e667f3bcc909
	k3 = 0xbb67ae8584caa73b
)

func mum(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// sum hashes text.
func sum(text []byte) uint64 {
	h := uint64(k0)
	n := len(text)
	i := 0
	for ; i+16 <= n; i += 16 {
		h = mum(binary.LittleEndian.Uint64(text[i:])^k1, binary.LittleEndian.Uint64(text[i+8:])^h)
	}
	a, b := load(text, i), uint64(0)
	if n-i > 8 {
		b = load(text, i+8)
	}
	return mum(k2^uint64(n), mum(a^k3, b^h)^k1)
}

// Mix returns the identity of a line: of its masked text, hash, together with
// its level and logger.
func Mix(hash uint64, level logs.Level, logger []byte) uint64 {
	return mum(hash^k1, mum(sum(logger)^k2, uint64(level)^k3)^k0)
}
