package compare

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/DataDog/sketches-go/ddsketch"
	"gonum.org/v1/gonum/mathext"

	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/adjust"
	"github.com/judged-dev/judged/logs/mine"
)

const (
	// shiftValues a side are the least of which a shift is told.
	shiftValues = 30
	// shiftRatio is by how much the median or the 95th percentile must differ.
	shiftRatio = 1.5
	// shiftWords is by how much, in shares summed over words, what stands in a slot
	// must differ.
	shiftWords = 0.25
	// expected is the least count that the chi-square approximation of the G test
	// is trusted with (Cochran 1954).
	expected = 5
)

// shifts compares what stands in the variable parts of what both sides have. They
// are a family of their own: they say that something is different, not that it is
// worse.
func (c *Comparison) shifts() []judge.Change {
	var all []judge.Change
	var p []float64
	for i := range c.rows {
		r := &c.rows[i]
		if r.doubtful {
			continue
		}
		counterpart := c.counterpart(r)
		for _, canary := range r.canary.members {
			baseline := counterpart(canary)
			if baseline == nil {
				continue
			}
			a, b := baseline.Slots(), canary.Slots()
			for k := range min(len(a), len(b)) {
				what, value, matters := shift(&a[k], &b[k], r.independent(baseline), r.independent(canary))
				if math.IsNaN(value) {
					continue
				}
				p = append(p, value)
				change := judge.Change{Kind: judge.SlotShift}
				if matters {
					change = c.shifted(r, canary, k, what, value)
				}
				all = append(all, change)
			}
		}
	}
	out := all[:0]
	for i, q := range adjust.BH(p) {
		if all[i].ID != "" {
			all[i].AdjustedPValue = q
			out = append(out, all[i])
		}
	}
	return out
}

func (c *Comparison) shifted(r *row, s *mine.Skeleton, k int, what string, p float64) judge.Change {
	t := &c.templates[r.template]
	change := judge.Change{
		Kind: judge.SlotShift, ID: id(t), Name: c.options.Clean(s.Text), Level: t.Level.String(), Logger: t.Logger,
		Was: fmt.Sprintf("variable part %d: %s", k+1, c.options.Clean(what)), PValue: p,
		Effect:   judge.Effect{Measure: judge.RateRatio, Estimate: math.NaN(), Low: math.NaN(), High: math.NaN()},
		Excerpts: c.excerpts(&side{members: []*mine.Skeleton{s}}),
	}
	change.Severity, change.Why = c.options.Severity.Of(judge.SlotShift, change.ID, t.Level, s.Text, c.options.Now)
	change.Instances, change.InstanceCount = instances(c.sides.Canary, &r.canary)
	change.FirstSeen = r.canary.at()
	return change
}

// independent returns which share of the lines of a skeleton are independent
// witnesses: those of one request count once, those of a burst as well.
func (r *row) independent(s *mine.Skeleton) float64 {
	if !r.requests || s.Traced == 0 {
		return 1 / max(1, r.item.Dispersion)
	}
	return min(1, s.Requests.Count()/float64(s.Traced))
}

// counterpart returns a function that finds the baseline's skeleton that has the text
// of one of the canary's, be it written from another line of the source.
func (c *Comparison) counterpart(r *row) func(*mine.Skeleton) *mine.Skeleton {
	var byText map[string]*mine.Skeleton
	return func(s *mine.Skeleton) *mine.Skeleton {
		if same := c.sides.Baseline.Find(s.Hash); same != nil {
			return same
		}
		if byText == nil {
			byText = map[string]*mine.Skeleton{}
			for _, one := range r.baseline.members {
				byText[one.Text] = one
			}
		}
		return byText[s.Text]
	}
}

// shift compares one slot. It returns what differs in words, the p value (NaN if
// there is nothing to compare), and whether the difference is large enough.
func shift(a, b *mine.Slot, indA, indB float64) (what string, p float64, matters bool) {
	numbers := float64(min(a.Numbers, b.Numbers))
	switch {
	case numbers >= shiftValues && a.Numbers*10 >= a.Values*9 && b.Numbers*10 >= b.Values*9:
		p = rankTest(a.Sketch, b.Sketch, indA, indB)
		for _, q := range [...]float64{0.5, 0.95} {
			was, is := a.Quantile(q), b.Quantile(q)
			if ratio := is / was; was > 0 && is > 0 && (ratio >= shiftRatio || ratio <= 1/shiftRatio) && !matters {
				matters = true
				what = fmt.Sprintf("p%g was %s, is %s", 100*q, judge.FormatNumber(was), judge.FormatNumber(is))
			}
		}
		return what, p, matters
	case a.Words != nil && b.Words != nil && min(a.Values, b.Values) >= shiftValues:
		return wordsTest(a.Words, b.Words, indA, indB)
	default:
		return "", math.NaN(), false
	}
}

// rankTest is the test of Mann and Whitney (1947) on the bins of two sketches, by
// its normal approximation with ties, each side's values counting for so many
// independent ones.
func rankTest(a, b *ddsketch.DDSketch, indA, indB float64) float64 {
	bins := map[float64][2]float64{}
	for k, s := range []*ddsketch.DDSketch{a, b} {
		s.ForEach(func(value, count float64) bool {
			n := bins[value]
			n[k] += count
			bins[value] = n
			return false
		})
	}
	na, nb := a.GetCount()*indA, b.GetCount()*indB
	n := na + nb
	below, u, ties := 0.0, 0.0, 0.0
	for _, value := range slices.Sorted(maps.Keys(bins)) {
		x, y := bins[value][0]*indA, bins[value][1]*indB
		u += y * (below + x/2)
		below += x
		t := x + y
		ties += t * t * t
	}
	variance := na * nb / (12 * n * (n - 1)) * (n*n*n - ties)
	if !(variance > 0) {
		return 1
	}
	return math.Erfc(math.Abs(u-na*nb/2) / math.Sqrt(2*variance))
}

// wordsTest is the G test (Woolf 1957) that two slots hold the same words in the
// same shares; words that are expected too seldom are one.
func wordsTest(a, b map[string]*uint64, indA, indB float64) (what string, p float64, matters bool) {
	type word struct {
		text string
		x, y float64
	}
	var words []word
	var na, nb float64
	for _, text := range slices.Sorted(maps.Keys(union(a, b))) {
		w := word{text, counted(a, text) * indA, counted(b, text) * indB}
		words, na, nb = append(words, w), na+w.x, nb+w.y
	}
	if min(na, nb) < shiftValues {
		return "", math.NaN(), false
	}
	rest := word{text: "others"}
	kept := words[:0:0]
	for _, w := range words {
		if (w.x+w.y)*min(na, nb)/(na+nb) < expected {
			rest.x, rest.y = rest.x+w.x, rest.y+w.y
			continue
		}
		kept = append(kept, w)
	}
	if rest.x+rest.y > 0 {
		kept = append(kept, rest)
	}
	if len(kept) < 2 {
		return "", math.NaN(), false
	}
	g, apart := 0.0, 0.0
	most := word{}
	for _, w := range kept {
		all := w.x + w.y
		for _, one := range [...]struct{ seen, n float64 }{{w.x, na}, {w.y, nb}} {
			if one.seen > 0 {
				g += 2 * one.seen * math.Log(one.seen*(na+nb)/(all*one.n))
			}
		}
		difference := math.Abs(w.x/na - w.y/nb)
		apart += difference / 2
		if difference > math.Abs(most.x/na-most.y/nb) {
			most = w
		}
	}
	what = fmt.Sprintf("%q was in %s, is in %s of them", most.text, judge.FormatPercent(most.x/na), judge.FormatPercent(most.y/nb))
	return what, mathext.GammaIncRegComp(float64(len(kept)-1)/2, max(0, g)/2), apart >= shiftWords
}

// counted returns how often a word was counted.
func counted(words map[string]*uint64, text string) float64 {
	if n := words[text]; n != nil {
		return float64(*n)
	}
	return 0
}

func union(a, b map[string]*uint64) map[string]*uint64 {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}
