package kayenta

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// QueryConfig is a metric's query: an object whose fields depend on the store
// that answers it, which Type names. Prometheus' and Datadog's fields are
// checked; those of the other stores of Kayenta are kept as they are.
type QueryConfig struct {
	Type   string
	fields map[string]any
}

const (
	prometheusStore = "prometheus"
	datadogStore    = "datadog"
)

// A store is a type of queries.
type store struct {
	// texts and lists are the fields that are strings and lists of strings.
	texts, lists []string
	// build is nil where nothing here can answer the queries.
	build func(*Config, *QueryConfig, *Scope, QueryOptions) (string, error)
	// shape reduces a query to what a value may not change, see Config.Query.
	shape func(query string) string
}

// stores are the types of queries that Kayenta knows.
var stores = map[string]store{
	prometheusStore: {
		texts: []string{"resourceType", "metricName", "customFilter", "customInlineTemplate", "customFilterTemplate"},
		lists: []string{"labelBindings", "groupByFields"},
		build: promQL,
		shape: promQLShape,
	},
	datadogStore: {
		texts: []string{"metricName", "customInlineTemplate", "customFilterTemplate"},
		build: datadogQuery,
		shape: datadogShape,
	},
	"atlas": {}, "graphite": {}, "influxdb": {}, "newrelic": {}, "signalfx": {}, "stackdriver": {}, "wavefront": {},
}

func (p *parser) queryConfig() (*QueryConfig, error) {
	fields, err := p.freeForm()
	if err != nil {
		return nil, err
	}
	q := &QueryConfig{fields: fields}
	q.Type, _ = fields["type"].(string)
	known, ok := stores[q.Type]
	if !ok {
		types := strings.Join(slices.Sorted(maps.Keys(stores)), ", ")
		if fields["type"] == nil {
			return nil, missing("type", "one of "+types)
		}
		return nil, &fieldError{"type", fmt.Errorf("is %s, want one of %s", describe(fields["type"]), types)}
	}
	for _, name := range known.texts {
		if err := coerceText(fields, name); err != nil {
			return nil, within(name, err)
		}
	}
	for _, name := range known.lists {
		if err := coerceList(fields, name); err != nil {
			return nil, within(name, err)
		}
	}
	fields["serviceType"] = q.Type // Kayenta's getter, which it writes as a field
	return q, nil
}

// coerceText makes a string of a field, as parser.stringValue does.
func coerceText(fields map[string]any, name string) error {
	if fields[name] == nil {
		return nil
	}
	text, err := asText(fields[name])
	fields[name] = text
	return err
}

// coerceList makes a list of strings of a field.
func coerceList(fields map[string]any, name string) error {
	if fields[name] == nil {
		return nil
	}
	list, ok := fields[name].([]any)
	if !ok {
		return fmt.Errorf("is %s, want a list of strings", describe(fields[name]))
	}
	for i, element := range list {
		text, err := asText(element)
		if err != nil {
			return withinElement(i, err)
		}
		list[i] = text
	}
	return nil
}

func asText(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case integer, long, float64, bool:
		return string(appendValue(nil, v)), nil
	}
	return "", fmt.Errorf("is %s, want a string", describe(v))
}

// UnmarshalJSON implements json.Unmarshaler like DecodeConfig.
func (q *QueryConfig) UnmarshalJSON(data []byte) error {
	v, err := decode(data, (*parser).queryConfig)
	if err == nil {
		*q = *v
	}
	return err
}

// MarshalJSON implements json.Marshaler.
func (q *QueryConfig) MarshalJSON() ([]byte, error) { return appendValue(nil, q.fields), nil }

// text returns a field that is a string, "" if it has none.
func (q *QueryConfig) text(name string) string {
	s, _ := q.fields[name].(string)
	return s
}

// texts returns a field that is a list of strings.
func (q *QueryConfig) texts(name string) []string {
	list, _ := q.fields[name].([]any)
	var texts []string
	for _, element := range list {
		if s, ok := element.(string); ok {
			texts = append(texts, s)
		}
	}
	return texts
}

// QueryOptions are settings of a Kayenta server; the zero value is its
// default.
type QueryOptions struct {
	// ScopeLabel is the label that names the scope in metrics of the resource
	// type gce_instance, kayenta.prometheus.scopeLabel; "" counts as instance.
	ScopeLabel string
}

// Query returns what Kayenta would ask the metric's store for a scope, in the
// store's own language.
//
// Kayenta puts the values of a scope into its queries as they are. Here they
// are, too, if they only fill in values: the query must have the same shape as
// with a plain word in place of each, and none may hold a control character.
// For PromQL that means: in a string literal a value cannot end the literal,
// so it has none of its quotes and no backslash that would escape them;
// elsewhere it is a word, a number, a duration, or several with commas between
// them. In the braces of a Datadog query it may be any filter without braces
// and quotes, as people pass whole filters as scope; elsewhere it is a word or
// number. All else is refused: whoever may start a canary could otherwise read
// whatever the metrics' account can. Templates, label bindings and metric names
// are the config's own, and not restricted.
//
// The error is an *Error, of the kind Unsupported if the store is one that
// nothing here can ask.
func (c *Config) Query(m *Metric, s *Scope, o QueryOptions) (string, error) {
	if m.Query == nil {
		return "", invalid("Metric '%s' has no query.", shorten(m.Name))
	}
	in := stores[m.Query.Type]
	if in.build == nil {
		return "", &Error{Kind: Unsupported, Message: fmt.Sprintf("metric '%s' is to be read from %s, which this server cannot do yet; "+
			"it reads %s and %s: change the metric's query, or keep this config with Kayenta", shorten(m.Name), m.Query.Type, prometheusStore, datadogStore)}
	}
	values := s.values()
	for name, value := range values {
		if strings.ContainsFunc(value, unicode.IsControl) {
			return "", invalid("The scope's %s, %q, has a control character; nothing that is measured is named like that.", name, shorten(value))
		}
	}
	query, err := in.build(c, m.Query, s, o)
	if err != nil {
		return "", err
	}
	// shape is that of the query with only one of the scope's own values.
	shape := func(only string) string {
		query, err := in.build(c, m.Query, s.plain(only), o)
		if err != nil {
			return "error"
		}
		return in.shape(query)
	}
	plain := shape("")
	if plain == in.shape(query) {
		return query, nil
	}
	culprit := "values"
	names := slices.Sorted(maps.Keys(values))
	for _, name := range names[:min(len(names), maxSuspects)] {
		if shape(name) != plain {
			culprit = fmt.Sprintf("%s, %q,", name, shorten(values[name]))
			break
		}
	}
	return "", invalid("The scope's %s would change the query of metric '%s' where it should fill in a value: "+
		"it has quotes, brackets or operators that belong into the config's templates. The query would be: %s", culprit, shorten(m.Name), shortenTo(query, 300))
}

// maxSuspects limits how many values of a scope are tried to find the one
// that changes a query.
const maxSuspects = 100

// values returns what of a scope gets into queries, by the names in JSON.
func (s *Scope) values() map[string]string {
	values := map[string]string{"scope": s.Scope, "location": s.Location}
	for name, value := range s.ExtendedScopeParams {
		values["extendedScopeParams."+name] = value
	}
	return values
}

// plain returns the scope with words in place of all values but one.
func (s *Scope) plain(but string) *Scope {
	word := func(name, value string) string {
		if name == but || strings.Trim(value, wordCharacters) == "" {
			return value
		}
		return "x"
	}
	plain := &Scope{Scope: word("scope", s.Scope), Location: word("location", s.Location), ExtendedScopeParams: make(map[string]string, len(s.ExtendedScopeParams))}
	for name, value := range s.ExtendedScopeParams {
		plain.ExtendedScopeParams[name] = word("extendedScopeParams."+name, value)
	}
	return plain
}

const wordCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"
