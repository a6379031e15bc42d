package mannwhitney

import "math"

// DefaultSeed seeds the noise where no seed is given.
const DefaultSeed = 12345

// noiseScale is the standard deviation of the noise relative to the value it
// is added to.
const noiseScale = 1e-5

// gaussian is java.util.Random as Kayenta uses it: a 48-bit linear
// congruential generator and Marsaglia's polar method.
type gaussian struct {
	state uint64
	next  float64
	held  bool
}

func (g *gaussian) seed(seed int64) {
	*g = gaussian{state: (uint64(seed) ^ 0x5DEECE66D) & (1<<48 - 1)}
}

func (g *gaussian) bits(n uint) uint64 {
	g.state = (g.state*0x5DEECE66D + 0xB) & (1<<48 - 1)
	return g.state >> (48 - n)
}

func (g *gaussian) uniform() float64 {
	high := g.bits(26)
	return float64(float64(high<<27+g.bits(27)) * 0x1p-53)
}

func (g *gaussian) normal() float64 {
	if g.held {
		g.held = false
		return g.next
	}
	for {
		a := float64(2*g.uniform()) - 1
		b := float64(2*g.uniform()) - 1
		s := float64(a*a) + float64(b*b)
		if s >= 1 || s == 0 {
			continue
		}
		factor := math.Sqrt(-2 * fdlibmLog(s) / s)
		g.next, g.held = b*factor, true
		return a * factor
	}
}

// addNoise returns values, all of which equal, with Gaussian noise in
// proportion to their size: zeros stay zeros.
func (g *gaussian) addNoise(values []float64) []float64 {
	scale := values[0] * noiseScale
	noisy := make([]float64, len(values))
	for i, v := range values {
		noisy[i] = v + (float64(g.normal()*scale) + 0)
	}
	return noisy
}

// fdlibmLog is StrictMath.log for positive normal x: e_log.c of fdlibm 5.3
// (netlib.org/fdlibm), operation by operation. math.Log may differ in the last
// bit, and differs between architectures.
func fdlibmLog(x float64) float64 {
	const (
		ln2High = 6.93147180369123816490e-01
		ln2Low  = 1.90821492927058770002e-10
		lg1     = 6.666666666666735130e-01
		lg2     = 3.999999999940941908e-01
		lg3     = 2.857142874366239149e-01
		lg4     = 2.222219843214978396e-01
		lg5     = 1.818357216161805012e-01
		lg6     = 1.531383769920937332e-01
		lg7     = 1.479819860511658591e-01
	)
	raw := math.Float64bits(x)
	high := int32(raw >> 32)
	k := high>>20 - 1023
	high &= 0x000fffff
	i := (high + 0x95f64) & 0x100000
	// x scaled to [sqrt(2)/2, sqrt(2)).
	x = math.Float64frombits(uint64(uint32(high|(i^0x3ff00000)))<<32 | raw&0xffffffff)
	k += i >> 20
	f := x - 1
	dk := float64(k)
	if 0x000fffff&(2+high) < 3 { // |f| < 2^-20
		if f == 0 {
			return float64(dk*ln2High) + float64(dk*ln2Low)
		}
		r := float64(float64(f*f) * (0.5 - float64(0.33333333333333333*f)))
		if k == 0 {
			return f - r
		}
		return float64(dk*ln2High) - ((r - float64(dk*ln2Low)) - f)
	}
	s := f / (2 + f)
	z := s * s
	i = high - 0x6147a
	w := float64(z * z)
	j := 0x6b851 - high
	t1 := float64(w * (lg2 + float64(w*(lg4+float64(w*lg6)))))
	t2 := float64(z * (lg1 + float64(w*(lg3+float64(w*(lg5+float64(w*lg7)))))))
	i |= j
	r := t2 + t1
	if i > 0 {
		half := float64(0.5 * f * f)
		if k == 0 {
			return f - (half - float64(s*(half+r)))
		}
		return float64(dk*ln2High) - ((half - (float64(s*(half+r)) + float64(dk*ln2Low))) - f)
	}
	if k == 0 {
		return f - float64(s*(f-r))
	}
	return float64(dk*ln2High) - ((float64(s*(f-r)) - float64(dk*ln2Low)) - f)
}
