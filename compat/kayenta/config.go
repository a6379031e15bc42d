package kayenta

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"time"
	"unicode/utf8"

	"github.com/judged-dev/judged/judge/mannwhitney"
)

// MaxDocument is the longest document that the decoders of this package read,
// in bytes; DecodeRequest, which reads series, has limits of its own.
const MaxDocument = 4 << 20

// Config is Kayenta's canary config as users store it.
//
// Writing it gives what Kayenta gives back of it: fields that are null and
// fields that Kayenta does not know are gone, numbers in strings are numbers,
// and the times also stand in ISO form. Of the objects that are free-form, and
// of queries, all fields but null ones are kept.
type Config struct {
	// CreatedTimestamp and UpdatedTimestamp are milliseconds since 1970.
	CreatedTimestamp *int64
	UpdatedTimestamp *int64
	Name             string
	ID               string
	Description      *string
	ConfigVersion    *string
	Applications     []string
	Judge            *JudgeConfig
	Metrics          []Metric
	// Templates are filters that queries name, see QueryConfig.
	Templates  map[string]string
	Classifier *Classifier
}

// JudgeConfig names the judge of a config.
type JudgeConfig struct {
	Name                string `json:"name,omitzero"`
	JudgeConfigurations Object `json:"judgeConfigurations,omitzero"`
}

// Metric is one metric of a Config.
type Metric struct {
	Name   string
	Query  *QueryConfig
	Groups []string
	// ScopeName is the key of the request's scopes that the metric is read from.
	ScopeName *string

	named bool
	// configurations are the analysisConfigurations: a map[string]any or nil.
	configurations any
}

// Classifier is the part of a config that makes one score of the groups'.
type Classifier struct {
	GroupWeights []mannwhitney.GroupWeight
	// ScoreThresholds are kept, but a judgment takes those of its request.
	ScoreThresholds *Thresholds
}

// Thresholds are scores from 0 to 100: a judgment passes from Pass on, and is
// marginal from Marginal on.
type Thresholds struct{ Pass, Marginal *float64 }

// ConfigSummary is a Config in a list.
type ConfigSummary struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// UpdatedTimestamp is in milliseconds since 1970.
	UpdatedTimestamp    int64    `json:"updatedTimestamp"`
	UpdatedTimestampIso string   `json:"updatedTimestampIso"`
	Applications        []string `json:"applications"`
}

// DecodeConfig reads a config of at most MaxDocument bytes. The error is an
// *Error of the kind Malformed that names the field.
func DecodeConfig(data []byte) (*Config, error) { return decode(data, (*parser).config) }

// decode reads a whole document.
func decode[T any](data []byte, read func(*parser) (T, error)) (T, error) {
	return decodeUpTo(MaxDocument, data, read)
}

func decodeUpTo[T any](limit int, data []byte, read func(*parser) (T, error)) (T, error) {
	p := &parser{data: data}
	var v T
	var err error
	switch {
	case len(data) > limit:
		err = fmt.Errorf("it has %d bytes, more than %d", len(data), limit)
	case !utf8.Valid(data):
		err = errors.New("the text is not UTF-8")
	default:
		v, err = read(p)
	}
	if err == nil {
		err = p.end()
	}
	if err != nil {
		var none T
		return none, &Error{Kind: Malformed, Message: "cannot read the request's body", Err: err}
	}
	return v, nil
}

// UnmarshalJSON implements json.Unmarshaler like DecodeConfig.
func (c *Config) UnmarshalJSON(data []byte) error {
	v, err := DecodeConfig(data)
	if err == nil {
		*c = *v
	}
	return err
}

func (p *parser) config() (*Config, error) {
	c := new(Config)
	err := p.fields(func(name string) (err error) {
		switch name {
		case "createdTimestamp":
			c.CreatedTimestamp, err = p.millis()
		case "updatedTimestamp":
			c.UpdatedTimestamp, err = p.millis()
		case "name":
			c.Name, _, err = p.stringValue()
		case "id":
			c.ID, _, err = p.stringValue()
		case "description":
			c.Description, err = p.optionalString()
		case "configVersion":
			c.ConfigVersion, err = p.optionalString()
		case "applications":
			c.Applications, err = p.strings()
		case "judge":
			c.Judge, err = optional(p, p.judge)
		case "templates":
			c.Templates, err = p.tags()
		default:
			err = c.judgedField(p, name, p.metric)
		}
		return err
	})
	return c, err
}

func (p *parser) judge() (*JudgeConfig, error) {
	j := new(JudgeConfig)
	err := p.fields(func(name string) (err error) {
		switch name {
		case "name":
			j.Name, _, err = p.stringValue()
		case "judgeConfigurations":
			j.JudgeConfigurations, err = p.freeForm()
		default:
			err = p.skip()
		}
		return err
	})
	return j, err
}

func (p *parser) metric() (Metric, error) {
	var m Metric
	err := p.fields(func(name string) (err error) {
		switch name {
		case "query":
			m.Query, err = optional(p, p.queryConfig)
		case "scopeName":
			m.ScopeName, err = p.optionalString()
		default:
			err = m.judgedField(p, name)
		}
		return err
	})
	return m, err
}

// optionalString reads a string, nil for null.
func (p *parser) optionalString() (*string, error) {
	s, present, err := p.stringValue()
	if err != nil || !present {
		return nil, err
	}
	return &s, nil
}

// millis reads a time in milliseconds since 1970, nil for null.
func (p *parser) millis() (*int64, error) {
	const year9999 = 253402300799999 // the last that has an ISO form of 24 bytes
	return p.integer(-year9999, year9999)
}

// integer reads an integer, nil for null. As in Kayenta, a fraction is cut
// off.
func (p *parser) integer(lowest, highest float64) (*int64, error) {
	v, null, err := p.double()
	if err != nil || null {
		return nil, err
	}
	if v = math.Trunc(v); !(v >= lowest && v <= highest) {
		return nil, fmt.Errorf("is %v, want an integer from %.0f to %.0f", v, lowest, highest)
	}
	i := int64(v)
	return &i, nil
}

// MarshalJSON implements json.Marshaler.
func (c *Config) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		CreatedTimestamp    *int64            `json:"createdTimestamp,omitzero"`
		UpdatedTimestamp    *int64            `json:"updatedTimestamp,omitzero"`
		CreatedTimestampIso string            `json:"createdTimestampIso,omitzero"`
		UpdatedTimestampIso string            `json:"updatedTimestampIso,omitzero"`
		Name                string            `json:"name,omitzero"`
		ID                  string            `json:"id,omitzero"`
		Description         *string           `json:"description,omitzero"`
		ConfigVersion       *string           `json:"configVersion,omitzero"`
		Applications        []string          `json:"applications,omitzero"`
		Judge               *JudgeConfig      `json:"judge,omitzero"`
		Metrics             []Metric          `json:"metrics,omitzero"`
		Templates           map[string]string `json:"templates,omitzero"`
		Classifier          *Classifier       `json:"classifier,omitzero"`
	}{
		c.CreatedTimestamp, c.UpdatedTimestamp, millisIso(c.CreatedTimestamp), millisIso(c.UpdatedTimestamp),
		c.Name, c.ID, c.Description, c.ConfigVersion, c.Applications, c.Judge, c.Metrics, c.Templates, c.Classifier,
	})
}

// MarshalJSON implements json.Marshaler.
func (m Metric) MarshalJSON() ([]byte, error) {
	name := &m.Name
	if !m.named && m.Name == "" {
		name = nil
	}
	configurations, _ := m.configurations.(map[string]any)
	return json.Marshal(struct {
		Name                   *string      `json:"name,omitzero"`
		Query                  *QueryConfig `json:"query,omitzero"`
		Groups                 []string     `json:"groups,omitzero"`
		AnalysisConfigurations Object       `json:"analysisConfigurations,omitzero"`
		ScopeName              *string      `json:"scopeName,omitzero"`
	}{name, m.Query, m.Groups, configurations, m.ScopeName})
}

// MarshalJSON implements json.Marshaler.
func (c *Classifier) MarshalJSON() ([]byte, error) {
	var weights json.RawMessage
	if c.GroupWeights != nil {
		byGroup := make(map[string]any, len(c.GroupWeights))
		for _, w := range c.GroupWeights {
			byGroup[w.Group] = w.Weight
		}
		weights = appendValue(nil, byGroup)
	}
	return json.Marshal(struct {
		GroupWeights    json.RawMessage `json:"groupWeights,omitzero"`
		ScoreThresholds *Thresholds     `json:"scoreThresholds,omitzero"`
	}{weights, c.ScoreThresholds})
}

// MarshalJSON implements json.Marshaler.
func (t *Thresholds) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Pass     *Double `json:"pass,omitzero"`
		Marginal *Double `json:"marginal,omitzero"`
	}{(*Double)(t.Pass), (*Double)(t.Marginal)})
}

// configName is what Kayenta accepts as a name. (The commas are its own.)
var configName = regexp.MustCompile(`^[A-Za-z0-9,_-]+$`)

// Validate checks what Kayenta checks of a config that is to be stored; one
// that comes with a request is not held to it. The error is an *Error of the
// kind Invalid.
func (c *Config) Validate() error {
	switch {
	case c.Name == "":
		return invalid("Canary config must specify a name.")
	case len(c.Applications) == 0:
		return invalid("Canary config must specify at least one application.")
	case !configName.MatchString(c.Name):
		return invalid("Canary config cannot be named '%s': only letters, digits, dashes (-) and underscores (_) are allowed.", shorten(c.Name))
	}
	seen := make(map[string]bool, len(c.Metrics))
	for i, m := range c.Metrics {
		if m.Name == "" {
			return invalid("Metric config must specify a name, metrics[%d] has none.", i)
		}
		if seen[m.Name] {
			return invalid("Metric config name must be unique. '%s' is duplicated.", shorten(m.Name))
		}
		seen[m.Name] = true
	}
	return nil
}

// Create sets what the server sets of a config that is stored for the first
// time: id, unless it brings one, and its times, of which it may bring either.
func (c *Config) Create(id string, now time.Time) {
	if c.ID == "" {
		c.ID = id
	}
	if c.CreatedTimestamp == nil {
		ms := now.UnixMilli()
		c.CreatedTimestamp = &ms
	}
	if c.UpdatedTimestamp == nil {
		ms := *c.CreatedTimestamp
		c.UpdatedTimestamp = &ms
	}
}

// Update sets what the server sets of a config that replaces the one with this
// id. (Kayenta would keep another id that stands in the config, under which it
// could not be found.)
func (c *Config) Update(id string, now time.Time) {
	ms := now.UnixMilli()
	c.ID, c.UpdatedTimestamp = id, &ms
}

// Summary returns the config as it stands in a list.
func (c *Config) Summary() ConfigSummary {
	s := ConfigSummary{ID: c.ID, Name: c.Name, UpdatedTimestampIso: millisIso(c.UpdatedTimestamp), Applications: c.Applications}
	if c.UpdatedTimestamp != nil {
		s.UpdatedTimestamp = *c.UpdatedTimestamp
	}
	return s
}

// JudgeName returns the name of the judge, "" if the config leaves the choice
// to the server.
func (c *Config) JudgeName() string {
	if c.Judge == nil {
		return ""
	}
	return c.Judge.Name
}
