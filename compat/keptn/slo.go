package keptn

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/judged-dev/judged/compat/internal/carry"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// slo reads a field of a Keptn v1 SLO file.
func (k *gate) slo(key string, value *yaml.Node) {
	switch key {
	case "spec_version":
	case "filter":
		// Values that queries use as $name.
		k.Each(value, "filter", func(name string, v *yaml.Node) { k.values[name] = v.Value })
	case "comparison":
		k.Lose(value, "comparison", "earlier evaluations are not compared with: judged compares with what runs beside the canary, or with `baseline: {}` and a `schedule.history` with its own past")
	case "objectives":
		for i, o := range k.Items(value, "objectives") {
			k.objective(i, o)
		}
	case "total_score":
		k.score = totalScore{}
		k.Each(value, "total_score", func(name string, v *yaml.Node) {
			percent, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(v.Value), "%"), 64)
			switch {
			case err != nil || math.IsNaN(percent):
				k.Lose(v, "total_score."+name, "%q is no percentage", v.Value)
			case name == "pass":
				k.score.pass = percent
			case name == "warning":
				k.score.warning = percent
			default:
				k.Lose(v, "total_score."+name, "is not known here")
			}
		})
		if carry.Child(value, "warning").Kind == 0 {
			k.score.warning = k.score.pass // what does not pass fails
		}
	default:
		k.Lose(value, key, "is not known here")
	}
}

func (k *gate) objective(i int, n *yaml.Node) {
	o := objective{name: carry.Child(n, "sli").Value, weight: 1, informational: true}
	where := fmt.Sprintf("objectives[%d]", i)
	if o.name != "" {
		where = fmt.Sprintf("objective %q", o.name)
	}
	o.place = k.At(n, where)
	if o.name == "" {
		k.Lose(n, where, "names no sli: it is left out")
		return
	}
	var pass, warning [][]criterion
	k.Each(n, where, func(key string, value *yaml.Node) {
		where := where + "." + key
		switch key {
		case "sli":
		case "displayName":
			k.Lose(value, where, "%q is not carried over: the metric is called %q, as the rules call it", value.Value, o.name)
		case "pass":
			pass = k.criteria(value, where)
			o.informational = len(pass) == 0
		case "warning":
			warning = k.criteria(value, where)
		case "weight":
			o.weight = k.weight(value, where)
		case "key_sli":
			o.key = value.Value == "true"
		default:
			k.Lose(value, where, "is not known here")
		}
	})
	fixed := k.relative(&o, pass)
	switch warned, changes := violated(warning); {
	case len(warning) == 0:
		o.failed = fixed
	default:
		o.warned = fixed
		if changes {
			k.LoseAll("%s: a change that Keptn warns of is not told from one that fails: beyond the margin is FAIL; widen `margin` to the warning's if that should be", o.place)
		}
		switch {
		case warned != "" && fixed != "":
			o.failed = "(" + fixed + ") && (" + warned + ")"
		case warned != "":
			k.LoseAll("%s: the warning's fixed limit without one to pass is left out: say it in `decision` (docs/policy.md)", o.place)
		}
	}
	k.addObjective(n, o)
}

// A criterion is met by values of which `value operator number` is true; with
// relative, the number is a change from earlier values, in percent or not.
type criterion struct {
	operator          string
	number            float64
	relative, percent bool
}

// Keptn's own pattern also takes what its parser then refuses.
var criterionText = regexp.MustCompile(`^(<=|<|=|>=|>)([+-]?)([0-9]+\.?[0-9]*|\.[0-9]+)(%?)$`)

// criteria reads a list of sets, of which one must be met; all of a set must.
func (k *gate) criteria(n *yaml.Node, where string) [][]criterion {
	var sets [][]criterion
	for _, item := range k.Items(n, where) {
		var set []criterion
		for _, c := range k.Items(carry.Child(item, "criteria"), where+".criteria") {
			m := criterionText.FindStringSubmatch(strings.ReplaceAll(c.Value, " ", ""))
			number, err := 0.0, error(nil)
			if m != nil {
				number, err = strconv.ParseFloat(m[3], 64)
			}
			if m == nil || err != nil {
				k.Lose(c, where, "%q is no criterion such as <600 or <=+10%%", c.Value)
				continue
			}
			if m[2] == "-" {
				number = -number
			}
			// A percentage without a sign is an increase.
			set = append(set, criterion{operator: m[1], number: number, relative: m[2] != "" || m[4] != "", percent: m[4] != ""})
		}
		if len(set) > 0 {
			sets = append(sets, set)
		}
	}
	return sets
}

var opposite = map[string]string{"<": ">=", "<=": ">", ">": "<=", ">=": "<", "=": "!="}

// violated returns, in CEL, of which values no set's fixed criteria are met;
// empty if there are none. changes says that some are relative.
func violated(sets [][]criterion) (condition string, changes bool) {
	var all []string
	for _, set := range sets {
		var one []string
		for _, c := range set {
			if c.relative {
				changes = true
				continue
			}
			one = append(one, level(opposite[c.operator], c.number))
		}
		if len(one) > 0 {
			all = append(all, strings.Join(one, " || "))
		}
	}
	if len(all) == 1 {
		return all[0], changes
	}
	for i := range all {
		all[i] = "(" + all[i] + ")"
	}
	return strings.Join(all, " && "), changes
}

// level compares the canary's level in CEL.
func level(operator string, number float64) string {
	text := strconv.FormatFloat(number, 'g', -1, 64)
	if !strings.ContainsAny(text, ".e") {
		text += ".0" // CEL compares doubles with == to doubles only
	}
	return "f.canary.level " + operator + " " + text
}

// relative makes direction and margin of an objective's criteria, and returns
// what is left: of which values the fixed ones are not met.
func (k *gate) relative(o *objective, sets [][]criterion) string {
	fixed, changes := violated(sets)
	if !changes {
		o.direction = directionOf(sets, false)
		return fixed
	}
	if len(sets) > 1 {
		k.LoseAll("%s: alternatives to a relative criterion are left out: beyond the margin is FAIL", o.place)
		for _, set := range sets {
			if _, changes := violated([][]criterion{set}); changes {
				sets = [][]criterion{set}
				break
			}
		}
		fixed = ""
	}
	o.direction = directionOf(sets, true)
	for _, c := range sets[0] {
		if !c.relative {
			continue
		}
		worse := c.operator[0] == '<' && c.number >= 0 || c.operator[0] == '>' && c.number <= 0
		if !worse {
			o.direction = directionOf(sets, false)
			k.LoseAll("%s: a criterion asks for an improvement or an exact change, which judged cannot: it is left out", o.place)
			continue
		}
		k.addMargin(o, c)
	}
	return fixed
}

// addMargin takes the smaller one of two.
func (k *gate) addMargin(o *objective, c criterion) {
	size := math.Abs(c.number)
	m := &judgedv1.Margin{Absolute: &size}
	if c.percent {
		size /= 100
		m = &judgedv1.Margin{Relative: &size}
	}
	const most = 10 // of a relative margin
	switch {
	case c.percent && size > most:
		k.LoseAll("%s: a relative margin is at most 1000%%, not %v%%: the default is taken", o.place, c.number)
	case o.margin == nil:
		o.margin = m
	case c.percent && o.margin.Relative != nil:
		if o.margin.GetRelative() != size {
			k.LoseAll("%s: a margin is the same both ways: the smaller is taken", o.place)
		}
		if size < o.margin.GetRelative() {
			o.margin = m
		}
	default:
		k.LoseAll("%s: several relative criteria: the first is taken", o.place)
	}
}

// directionOf returns which change is bad by the operators of the relative
// criteria, or the fixed ones.
func directionOf(sets [][]criterion, relative bool) judgedv1.Direction {
	direction := judgedv1.Direction_DIRECTION_UNSPECIFIED
	for _, set := range sets {
		for _, c := range set {
			if c.relative != relative {
				continue
			}
			worse := judgedv1.Direction_EITHER
			switch c.operator[0] {
			case '<':
				worse = judgedv1.Direction_INCREASE
			case '>':
				worse = judgedv1.Direction_DECREASE
			}
			if direction != judgedv1.Direction_DIRECTION_UNSPECIFIED && direction != worse {
				return judgedv1.Direction_EITHER
			}
			direction = worse
		}
	}
	return direction
}
