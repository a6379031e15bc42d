package kayenta

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// decimal is a number as digits * 10^exponent; whole is false if not all of
// its digits fit.
type decimal struct {
	digits   uint64
	exponent int
	negative bool
	whole    bool
	// integer is false for a number that is written with fraction or
	// exponent.
	integer bool
}

// scanNumber consumes a number.
func (p *parser) scanNumber() (decimal, error) {
	d := decimal{integer: true}
	data, i := p.data, p.pos
	if i < len(data) && data[i] == '-' {
		d.negative = true
		i++
	}
	first := i
	d.digits, i = digits(data, i, 0)
	count := i - first
	if count == 0 || count > 1 && data[first] == '0' {
		p.pos = first
		return d, p.unexpected("a number without leading zeros")
	}
	if i < len(data) && data[i] == '.' {
		point := i + 1
		d.digits, i = digits(data, point, d.digits)
		if i == point {
			p.pos = i
			return d, p.unexpected("a digit")
		}
		d.exponent, d.integer = point-i, false
		count += i - point
	}
	d.whole = count <= 19 // 10^19 < 2^64
	if i < len(data) && data[i]|0x20 == 'e' {
		i++
		sign := 1
		if i < len(data) && (data[i] == '+' || data[i] == '-') {
			if data[i] == '-' {
				sign = -1
			}
			i++
		}
		at, exponent := i, 0
		for ; i < len(data) && data[i]-'0' <= 9; i++ {
			exponent = min(exponent*10+int(data[i]-'0'), 1e6)
		}
		if i == at {
			p.pos = i
			return d, p.unexpected("a digit")
		}
		d.exponent += sign * exponent
		d.integer = false
	}
	p.pos = i
	return d, nil
}

// digits appends the decimal digits from data[i] on to n, and returns where
// they end. n overflows after 19 of them.
func digits(data []byte, i int, n uint64) (uint64, int) {
	for ; i < len(data) && data[i]-'0' <= 9; i++ {
		n = n*10 + uint64(data[i]-'0')
	}
	return n, i
}

// plainNumber consumes a number of at most 8 digits before the point and 19 in
// all, without exponent and with a comma or bracket behind it: almost every
// number there is. Otherwise it returns false and consumes nothing.
//
// It reads eight bytes at a time, and hardly a branch depends on what they are
// (after Lemire, "Number parsing at a gigabyte per second", 2021, section 5;
// doi:10.1002/spe.2984).
func (p *parser) plainNumber() (v float64, ok bool) {
	start := p.pos
	negative := start < len(p.data) && p.data[start] == '-'
	if negative {
		start++
	}
	const reach = 8 + 1 + 8 + 8
	if start+reach > len(p.data) {
		return 0, false
	}
	data := p.data[start : start+reach]
	eight := binary.LittleEndian.Uint64(data)
	before := leadingDigits(eight)
	if before == 0 || before > 1 && data[0] == '0' {
		return 0, false
	}
	d := decimal{digits: firstDigits(eight, before), negative: negative, whole: true}
	end := before
	if data[before] == '.' {
		eight = binary.LittleEndian.Uint64(data[before+1:])
		after := leadingDigits(eight)
		d.digits = d.digits*powersOf10[after] + firstDigits(eight, after)
		if after == 8 {
			eight = binary.LittleEndian.Uint64(data[before+9:])
			more := leadingDigits(eight)
			d.digits = d.digits*powersOf10[more] + firstDigits(eight, more)
			after += more
		}
		if after == 0 || before+after > 19 {
			return 0, false
		}
		d.exponent = -after
		end += 1 + after
	} else {
		d.integer = true
	}
	if data[end] != ',' && data[end] != ']' {
		return 0, false
	}
	p.pos = start + end
	return d.float()
}

// leadingDigits returns how many of the eight bytes, of which the lowest is
// the first, are digits before one is not.
func leadingDigits(eight uint64) int {
	v := eight ^ 0x3030303030303030 // digits are 0 to 9 now
	above9 := ((v + 0x7676767676767676) | v) & 0x8080808080808080
	return bits.TrailingZeros64(above9) / 8
}

// firstDigits returns the number that the first count of eight bytes stand
// for.
func firstDigits(eight uint64, count int) uint64 {
	const pairs = 0x000000ff000000ff
	v := (eight ^ 0x3030303030303030) << (64 - 8*count) // zeros before it
	v = v*10 + (v >> 8)
	v = (v&pairs)*(100+1_000_000<<32) + ((v>>16)&pairs)*(1+10_000<<32)
	return v >> 32
}

var powersOf10 = [...]uint64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9,
	1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
}

// float returns the double nearest to d, or false if that takes more than one
// division of integers to find.
func (d decimal) float() (float64, bool) {
	k := -d.exponent
	if !d.whole || k < 0 || k >= len(powersOf10) {
		return 0, false
	}
	var v float64
	if d.digits < 1<<32 {
		v = float64(d.digits) / float64(powersOf10[k]) // both are exact doubles
	} else {
		v = divide(d.digits, powersOf10[k])
	}
	// The integer -0 is 0 in Java, -0.0 is not.
	if d.negative && !(d.integer && d.digits == 0) {
		v = -v
	}
	return v, true
}

// divide returns the double nearest to a / b, ties to even, for a and b that
// are not 0.
func divide(a, b uint64) float64 {
	za, zb := bits.LeadingZeros64(a), bits.LeadingZeros64(b)
	a <<= za
	b <<= zb
	// q is a / b * 2^63, between 2^62 and 2^64.
	q, rest := bits.Div64(a>>1, a<<63, b)
	drop := bits.Len64(q) - 53
	mantissa, tail, half := q>>drop, q&(1<<drop-1), uint64(1)<<(drop-1)
	if tail > half || tail == half && (rest != 0 || mantissa&1 == 1) {
		mantissa++
	}
	return float64(mantissa) * math.Float64frombits(uint64(1023+drop-63+zb-za)<<52)
}
