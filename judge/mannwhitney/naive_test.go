package mannwhitney

import (
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// naiveStatistic is Kayenta's wilcoxonDiff as it is written: all values are
// ranked anew for each shift. It is what rankTest must equal to the bit.
func naiveStatistic(mu float64, x, y []float64) (float64, error) {
	all := make([]float64, 0, len(x)+len(y))
	for _, v := range x {
		all = append(all, v-mu)
	}
	all = append(all, y...)
	ranks := naiveRanks(all)
	n, m := float64(len(x)), float64(len(y))
	sum := 0.0
	for _, r := range ranks[:len(x)] {
		sum += r
	}
	d := sum - n*(n+1)/2 - n*m/2
	sign := 0.0
	if d > 0 {
		sign = 1
	} else if d < 0 {
		sign = -1
	}
	sizes := map[float64]int{}
	for _, r := range ranks {
		sizes[r]++
	}
	ties := 0.0
	for _, t := range sizes {
		ties += math.Pow(float64(t), 3) - float64(t)
	}
	sigma := math.Sqrt((n * m / 12) * ((n + m + 1) - ties/((n+m)*(n+m-1))))
	if sigma == 0 {
		return 0, errTied
	}
	return (d - float64(sign*0.5)) / sigma, nil
}

// naiveRanks are commons-math3's NaturalRanking(MAXIMAL, AVERAGE).
func naiveRanks(values []float64) []float64 {
	order := make([]int, len(values))
	for i, v := range values {
		order[i] = i
		if math.IsNaN(v) {
			values[i] = math.Inf(1)
		}
	}
	slices.SortFunc(order, func(a, b int) int { return javaCompare(values[a], values[b]) })
	ranks := make([]float64, len(values))
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && javaCompare(values[order[i]], values[order[j]]) == 0 {
			j++
		}
		for _, k := range order[i:j] {
			ranks[k] = float64(2*(i+1)+j-i-1) / 2
		}
		i = j
	}
	return ranks
}

// javaCompare is Double.compare for numbers.
func javaCompare(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	case a == 0 && math.Signbit(a) != math.Signbit(b):
		if math.Signbit(a) {
			return -1
		}
		return 1
	}
	return 0
}

// naiveInterval is interval on top of naiveStatistic.
func naiveInterval(x, y []float64) (Interval, error) {
	extreme := func(v []float64, better func(a, b float64) bool) float64 {
		best := v[0]
		for _, w := range v[1:] {
			if !better(best, w) {
				best = w
			}
		}
		return best
	}
	atMost := func(a, b float64) bool { return a <= b }
	atLeast := func(a, b float64) bool { return a >= b }
	low := extreme(x, atMost) - extreme(y, atLeast)
	high := extreme(x, atLeast) - extreme(y, atMost)
	root := func(q float64, clamp bool) (float64, error) {
		atLow, err := naiveStatistic(low, x, y)
		if err != nil {
			return 0, err
		}
		atHigh, err := naiveStatistic(high, x, y)
		if err != nil {
			return 0, err
		}
		if clamp && atLow-q <= 0 {
			return low, nil
		}
		if clamp && atHigh-q >= 0 {
			return high, nil
		}
		return solve(low, high, atLow-q, atHigh-q, func(mu float64) (float64, error) {
			w, err := naiveStatistic(mu, x, y)
			return w - q, err
		})
	}
	var i Interval
	var err error
	if i.Lower, err = root(quantile98, true); err != nil {
		return Interval{}, err
	}
	if i.Upper, err = root(-quantile98, true); err != nil {
		return Interval{}, err
	}
	i.Estimate, err = root(0, false)
	return i, err
}

func sameFloat(a, b float64) bool {
	return math.Float64bits(a) == math.Float64bits(b) || a != a && b != b
}

func loaded(x, y []float64) *rankTest {
	t, s := new(rankTest), new(sorter)
	t.x.sort(x, s)
	t.y.sort(y, s)
	t.load(x, y)
	return t
}

// kinds of data, by what is special about them; scale is a power of ten.
var kinds = map[string]func(r *rand.Rand, scale float64) float64{
	"latencies": func(r *rand.Rand, scale float64) float64 { return scale * math.Exp(r.NormFloat64()) },
	"normal":    func(r *rand.Rand, scale float64) float64 { return scale * r.NormFloat64() },
	"counts":    func(r *rand.Rand, _ float64) float64 { return float64(r.IntN(6)) },
	"tenths":    func(r *rand.Rand, _ float64) float64 { return 0.1 * float64(r.IntN(40)-20) },
	"few ties":  func(r *rand.Rand, scale float64) float64 { return math.Round(300*r.NormFloat64()) / 10 * scale },
	"zeros": func(r *rand.Rand, _ float64) float64 {
		return []float64{0, math.Copysign(0, -1), 0.5, -0.5, 1}[r.IntN(5)]
	},
	"sparse": func(r *rand.Rand, scale float64) float64 { return math.Max(0, r.NormFloat64()) * scale },
	"infinities": func(r *rand.Rand, scale float64) float64 {
		return []float64{math.Inf(1), math.Inf(-1), scale, 0, 1, r.NormFloat64(), -math.MaxFloat64, math.MaxFloat64}[r.IntN(8)]
	},
	"denormal": func(r *rand.Rand, _ float64) float64 {
		return math.SmallestNonzeroFloat64 * float64(r.IntN(20)-3)
	},
	"last bits": func(r *rand.Rand, scale float64) float64 {
		return math.Float64frombits(math.Float64bits(scale) + uint64(r.IntN(30)))
	},
	"large":     func(r *rand.Rand, _ float64) float64 { return 1e15 + float64(r.IntN(50))/8 },
	"all sizes": func(r *rand.Rand, _ float64) float64 { return math.Ldexp(r.NormFloat64(), r.IntN(2000)-1000) },
	"constant":  func(*rand.Rand, float64) float64 { return 3 },
}

func drawn(r *rand.Rand, kind func(*rand.Rand, float64) float64, n int, scale float64) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = kind(r, scale)
	}
	return v
}

func sizes(r *rand.Rand) (n, m int) {
	limit := []int{3, 30, 30, 200}[r.IntN(4)]
	return 1 + r.IntN(limit), 1 + r.IntN(limit)
}

// TestStatisticEqualsNaive compares single shifts: random ones, such at which
// values coincide, and close ones in a row, which go through the window.
func TestStatisticEqualsNaive(t *testing.T) {
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			for range 60 {
				n, m := sizes(r)
				scale := math.Pow(10, float64(r.IntN(12)-6))
				x, y := drawn(r, kind, n, scale), drawn(r, kind, m, scale)
				test := loaded(x, y)
				shifts := []float64{0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.NaN(), 1e300}
				for range 10 {
					mu := x[r.IntN(n)] - y[r.IntN(m)]
					shifts = append(shifts, mu, math.Nextafter(mu, math.Inf(1)), mu+scale*r.NormFloat64())
				}
				near := scale * r.NormFloat64()
				for step := scale; step > scale*1e-9; step /= 4 {
					near += step * (r.Float64() - 0.5)
					shifts = append(shifts, near)
				}
				for _, mu := range shifts {
					got, err := test.statistic(mu)
					want, wantErr := naiveStatistic(mu, x, y)
					if !errors.Is(err, wantErr) || !sameFloat(got, want) {
						t.Fatalf("W(%v) = %v (%v), naively %v (%v), of\n%v\n%v", mu, got, err, want, wantErr, x, y)
					}
				}
			}
		})
	}
}

func TestIntervalEqualsNaive(t *testing.T) {
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(3, 4))
			for range 20 {
				n, m := sizes(r)
				scale := math.Pow(10, float64(r.IntN(12)-6))
				x, y := drawn(r, kind, n, scale), drawn(r, kind, m, scale)
				got, err := loaded(x, y).interval(quantile98)
				want, wantErr := naiveInterval(x, y)
				if !errors.Is(err, wantErr) || err == nil && !(sameFloat(got.Lower, want.Lower) && sameFloat(got.Upper, want.Upper) && sameFloat(got.Estimate, want.Estimate)) {
					t.Fatalf("%v (%v), naively %v (%v), of\n%v\n%v", got, err, want, wantErr, x, y)
				}
			}
		})
	}
}

// FuzzStatistic compares with the naive statistic for any bits.
func FuzzStatistic(f *testing.F) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, kind := range kinds {
		var b []byte
		for _, v := range drawn(r, kind, 20, 1) {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
		}
		f.Add(b, uint8(10), 0.5)
	}
	f.Fuzz(func(t *testing.T, data []byte, split uint8, mu float64) {
		var values []float64
		for ; len(data) >= 8; data = data[8:] {
			v := math.Float64frombits(binary.LittleEndian.Uint64(data))
			if !math.IsNaN(v) {
				values = append(values, v)
			}
		}
		at := int(split)
		if at == 0 || at >= len(values) || len(values) > 200 {
			return
		}
		x, y := values[:at], values[at:]
		test := loaded(x, y)
		shifts := []float64{x[0] - y[0], mu}
		for i := range 12 { // towards mu
			shifts = append(shifts, mu+(x[0]-mu)*math.Pow(8, -float64(i)))
		}
		for _, mu := range shifts {
			got, err := test.statistic(mu)
			want, wantErr := naiveStatistic(mu, x, y)
			if !errors.Is(err, wantErr) || !sameFloat(got, want) {
				t.Fatalf("W(%v) = %v (%v), naively %v (%v)", mu, got, err, want, wantErr)
			}
		}
		got, err := loaded(x, y).interval(quantile98)
		want, wantErr := naiveInterval(x, y)
		if !errors.Is(err, wantErr) || err == nil && !(sameFloat(got.Lower, want.Lower) && sameFloat(got.Upper, want.Upper) && sameFloat(got.Estimate, want.Estimate)) {
			t.Fatalf("%v (%v), naively %v (%v)", got, err, want, wantErr)
		}
	})
}
