package kayenta

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// group is one of Kayenta's groups of metrics with its share of the score, in
// percent.
type group struct {
	name    string
	weight  float64
	metrics []string
}

// weights returns each metric's share of Kayenta's score, in percent, and the
// groups in order of appearance. Muted metrics do not count.
func (i *importer) weights() (map[string]float64, []group) {
	var groups []group
	at := map[string]int{}
	for _, m := range i.config.Metrics {
		if s, err := settings(m.configurations); err == nil && s.Muted {
			continue
		}
		for _, name := range m.Groups {
			if _, seen := at[name]; !seen {
				at[name] = len(groups)
				groups = append(groups, group{name: name, weight: math.NaN()})
			}
			g := &groups[at[name]]
			g.metrics = append(g.metrics, m.Name)
		}
	}
	total := 0.0
	if c := i.config.Classifier; c != nil {
		for _, w := range c.GroupWeights {
			total += w.Weight
			if n, ok := at[w.Group]; ok {
				groups[n].weight = w.Weight
			} else {
				i.lose("classifier.groupWeights", "no metric is in the group %q", shorten(w.Group))
			}
		}
	}
	rest := 0
	for _, g := range groups {
		if math.IsNaN(g.weight) {
			rest++
		}
	}
	shares := map[string]float64{}
	for n := range groups {
		g := &groups[n]
		if math.IsNaN(g.weight) {
			g.weight = (100 - total) / float64(rest)
		}
		for _, m := range g.metrics {
			shares[m] += g.weight / float64(len(g.metrics))
		}
	}
	return shares, groups
}

// describeGroups adds the line of the groups, if it can be read back.
func (i *importer) describeGroups(c *judgedv1.CanaryConfig, groups []group) {
	const longest = 4096 // bytes of a description
	kept := map[string]bool{}
	for _, m := range c.GetMetrics() {
		kept[m.GetName()] = true
	}
	var parts []string
	for _, g := range groups {
		members := slices.DeleteFunc(slices.Clone(g.metrics), func(name string) bool { return !kept[name] })
		if len(members) > 0 {
			// The members' share, in case some were left out.
			share := g.weight * float64(len(members)) / float64(len(g.metrics))
			parts = append(parts, fmt.Sprintf("%s %s (%s)", g.name, formatWeight(share), strings.Join(members, ", ")))
		}
	}
	if len(parts) == 0 {
		return
	}
	description := groupsLine + strings.Join(parts, "; ")
	if c.GetDescription() != "" {
		description = c.GetDescription() + "\n" + description
	}
	with := &judgedv1.CanaryConfig{Description: description, Metrics: c.GetMetrics()}
	if _, _, ok := groupsOf(with); !ok || len(description) > longest {
		i.lose("groups", "their names are not carried over, their weights are")
		return
	}
	c.Description = description
}

func formatWeight(w float64) string { return strconv.FormatFloat(math.Round(w*1e6)/1e6, 'f', -1, 64) }

// groupsOf reads the line of the groups, and returns the description without
// it. ok is false if there is none, or it does not fit the metrics and their
// weights any more.
func groupsOf(c *judgedv1.CanaryConfig) (groups []group, description string, ok bool) {
	text := c.GetDescription()
	at := strings.LastIndex("\n"+text, "\n"+groupsLine)
	if at < 0 {
		return nil, text, false
	}
	line := text[at+len(groupsLine):]
	description = strings.TrimSuffix(text[:at], "\n")
	shares := map[string]float64{}
	for part := range strings.SplitSeq(line, "; ") {
		m := groupPart.FindStringSubmatch(part)
		if m == nil {
			return nil, text, false
		}
		weight, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			return nil, text, false
		}
		g := group{name: m[1], weight: weight, metrics: strings.Split(m[3], ", ")}
		for _, name := range g.metrics {
			shares[name] += weight / float64(len(g.metrics))
		}
		groups = append(groups, g)
	}
	for _, m := range c.GetMetrics() {
		share, member := shares[m.GetName()]
		weight := m.GetWeight()
		if share <= 0 {
			share = 0
		}
		// The line has six digits.
		if member && math.Abs(weight-share) > 1e-5*max(1, weight) || !member && weight > 0 {
			return nil, description, false
		}
		delete(shares, m.GetName())
	}
	return groups, description, len(shares) == 0
}
