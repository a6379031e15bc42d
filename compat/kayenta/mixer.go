package kayenta

import (
	"maps"
	"math"
	"slices"
	"strings"
)

// Mix pairs the series of both sides: for each metric of the config, in its
// order, those with equal tags. What has no partner is paired with NaNs. If one
// side has a series without tags and the other has none, the first side's data
// are dropped, and each series of the other side is paired with NaNs. A series
// that is shorter than its time and step say is filled up with NaNs at its
// end. Series of names that the config does not have are ignored.
//
// Pairs of one metric are in the order of their tags; Kayenta's order is that
// of a hash map. id makes their ids.
//
// The error is an *Error of the kind Invalid: for a metric without any series
// on one side, or with other tags' names than on the other. Series whose tags differ in a value, as
// that of a pod or version, never meet: each is judged as one without a
// partner.
func Mix(c *Config, control, experiment []MetricSet, id func() string) ([]MetricSetPair, error) {
	m := mixer{id: id}
	controls, experiments := byName(control), byName(experiment)
	for _, metric := range c.Metrics {
		control, experiment := controls[metric.Name], experiments[metric.Name]
		const absent = "No %s metrics found for %s and the metric service did not create a placeholder."
		switch {
		case len(control) == 0:
			return nil, invalid(absent, "control", shorten(metric.Name))
		case len(experiment) == 0:
			return nil, invalid(absent, "experiment", shorten(metric.Name))
		}
		left, right := tagNames(control), tagNames(experiment)
		if len(left) > 0 && len(right) > 0 && !slices.Equal(left, right) {
			return nil, invalid("Control metrics have different tag keys than the experiment tag set ([%s] != [%s]).",
				shortenTo(strings.Join(left, ", "), 300), shortenTo(strings.Join(right, ", "), 300))
		}
		if err := m.mix(control, experiment); err != nil {
			return nil, err
		}
	}
	return m.pairs, nil
}

func byName(sets []MetricSet) map[string][]MetricSet {
	named := map[string][]MetricSet{}
	for _, s := range sets {
		named[s.Name] = append(named[s.Name], s)
	}
	return named
}

// tagNames returns the names of all tags, sorted.
func tagNames(sets []MetricSet) []string {
	names := map[string]bool{}
	for _, s := range sets {
		for name := range s.Tags {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

type mixer struct {
	id    func() string
	pairs []MetricSetPair
	// values is how many the pairs have.
	values int
}

// mix pairs the series of one metric.
func (m *mixer) mix(control, experiment []MetricSet) error {
	left, right := byTags(control), byTags(experiment)
	switch untagged := "{}"; {
	case left[untagged] != nil && right[untagged] == nil:
		left = nil
	case left[untagged] == nil && right[untagged] != nil:
		right = nil
	}
	all := map[string][]*MetricSet{}
	maps.Copy(all, left)
	maps.Copy(all, right)
	for _, tags := range slices.Sorted(maps.Keys(all)) {
		// Of several series with the same tags the first counts, unless none of
		// them has a partner anyway.
		n := 1
		if left == nil || right == nil {
			n = len(left[tags]) + len(right[tags])
		}
		for i := range n {
			var c, e *MetricSet
			if i < len(left[tags]) {
				c = left[tags][i]
			}
			if i < len(right[tags]) {
				e = right[tags][i]
			}
			if c == nil {
				c = placeholder(&control[0], e.Tags)
			}
			if e == nil {
				e = placeholder(&experiment[0], c.Tags)
			}
			if err := m.pair(c, e); err != nil {
				return err
			}
		}
	}
	return nil
}

// byTags groups series by their tags as JSON.
func byTags(sets []MetricSet) map[string][]*MetricSet {
	tagged := map[string][]*MetricSet{}
	for i := range sets {
		tags := string(appendTags(nil, sets[i].Tags))
		tagged[tags] = append(tagged[tags], &sets[i])
	}
	return tagged
}

// placeholder is a series without data beside the others of its side.
func placeholder(of *MetricSet, tags map[string]string) *MetricSet {
	s := *of
	s.Tags, s.Values = tags, nil
	return &s
}

func (m *mixer) pair(control, experiment *MetricSet) error {
	left, err := m.filled(control)
	if err != nil {
		return err
	}
	right, err := m.filled(experiment)
	if err != nil {
		return err
	}
	id := m.id()
	m.pairs = append(m.pairs, MetricSetPair{
		Pair:       Pair{Name: control.Name, ID: &id, Tags: control.Tags, Control: left, Experiment: right},
		Scopes:     map[string]MetricSetScope{"control": control.scope(), "experiment": experiment.scope()},
		Attributes: map[string]map[string]string{"control": control.Attributes, "experiment": experiment.Attributes},
	})
	return nil
}

// filled returns the values with NaNs up to the expected number.
func (m *mixer) filled(s *MetricSet) ([]float64, error) {
	n := len(s.Values)
	if s.StepMillis > 0 {
		n = int(max(int64(n), min((s.EndTimeMillis-s.StartTimeMillis)/s.StepMillis, maxValues+1)))
	}
	if m.values += n; m.values > maxValues {
		return nil, invalid("Up to metric '%s', the series have more than %d values together: choose a larger step or a shorter window.", shorten(s.Name), maxValues)
	}
	values := append(make([]float64, 0, n), s.Values...)
	for len(values) < n {
		values = append(values, math.NaN())
	}
	return values, nil
}

func (s *MetricSet) scope() MetricSetScope {
	return MetricSetScope{StartTimeIso: millisIso(&s.StartTimeMillis), StartTimeMillis: s.StartTimeMillis, StepMillis: s.StepMillis}
}
