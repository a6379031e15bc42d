package srm

import (
	"fmt"
	"math"
	"slices"
)

// Options of a Test. The zero value is ready to use.
type Options struct {
	// Concentration is the k of the mixture; 0 counts as DefaultConcentration.
	Concentration float64
	// Dispersion is how many requests weigh as one, as when clients send them
	// in bursts; counts are divided by it. 0 counts as 1: independent requests.
	Dispersion float64
}

// Test is a sequential test of how traffic is split between two arms or more.
// It takes constant time and no memory an update. It is not safe for concurrent
// use.
type Test struct {
	options Options
	shares  []float64
	prior   []float64
	// counts are divided by the dispersion.
	counts []float64
	logE   float64
	// mostLogE is the largest logE there has been: what was rejected once stays
	// rejected.
	mostLogE float64
}

// NewTest returns a test of traffic that is expected to be split by weights:
// percentages, numbers of pods, whatever is proportional to the shares. An
// error names the argument that makes no sense.
func NewTest(weights []float64, o Options) (*Test, error) {
	shares, err := normalize(weights)
	if err != nil {
		return nil, err
	}
	if o.Concentration == 0 {
		o.Concentration = DefaultConcentration
	}
	if o.Dispersion == 0 {
		o.Dispersion = 1
	}
	// The limits keep the gamma function away from its poles and its digits.
	if !(o.Concentration >= 1e-3 && o.Concentration <= 1e9) {
		return nil, fmt.Errorf("srm: the concentration must lie between 0.001 and 10^9, got %v", o.Concentration)
	}
	if !(o.Dispersion > 0) || math.IsInf(o.Dispersion, 0) {
		return nil, fmt.Errorf("srm: the dispersion must be a positive number, got %v", o.Dispersion)
	}
	t := &Test{options: o, shares: shares, prior: make([]float64, len(shares)), counts: make([]float64, len(shares))}
	for i, p := range shares {
		t.prior[i] = o.Concentration * p
	}
	return t, nil
}

// Add counts the requests of another interval, one number an arm. Numbers that
// are negative or not finite are an error and count nothing.
func (t *Test) Add(counts ...float64) error {
	if len(counts) != len(t.counts) {
		return fmt.Errorf("srm: %d counts for %d arms", len(counts), len(t.counts))
	}
	for i, n := range counts {
		if !(n >= 0) || n > mostRequests {
			return fmt.Errorf("srm: arm %d has %v requests; a count is neither negative nor above 2^53", i, n)
		}
	}
	for i, n := range counts {
		t.counts[i] += n / t.options.Dispersion
	}
	t.logE = logMixture(t.counts, t.prior) - logMultinomial(t.counts, t.shares)
	t.mostLogE = max(t.mostLogE, t.logE)
	return nil
}

// mostRequests is where float64 stops counting one by one.
const mostRequests = 1 << 53

// LogEValue returns the logarithm of the evidence as it is now.
func (t *Test) LogEValue() float64 { return t.logE }

// PValue returns the anytime-valid p-value: 1 over the largest e-value there
// has been, at most 1.
func (t *Test) PValue() float64 { return math.Exp(-t.mostLogE) }

// Expected returns the share of each arm that was asked for.
func (t *Test) Expected() []float64 { return slices.Clone(t.shares) }

// Observed returns the share of each arm so far, NaN before the first request.
func (t *Test) Observed() []float64 {
	sum := 0.0
	for _, n := range t.counts {
		sum += n
	}
	shares := make([]float64, len(t.counts))
	for i, n := range t.counts {
		shares[i] = n / sum
	}
	return shares
}
