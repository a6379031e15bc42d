package flagger

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/judged-dev/judged/compat/internal/gate"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// maxPayload bounds what Flagger sends, in bytes. Metadata are short; the longest is
// an event's message, which repeats what a metric's provider answered.
const maxPayload = 64 << 10

// payload is Flagger's CanaryWebhookPayload.
type payload struct {
	Name      string            `json:"name"`
	Namespace string            `json:"namespace"`
	Phase     string            `json:"phase"`
	Checksum  string            `json:"checksum"`
	Metadata  map[string]string `json:"metadata"`
}

// Kubernetes' names have no slash, so that keys cannot be confused.
var (
	objectName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)
	checksum   = regexp.MustCompile(`^[A-Za-z0-9._-]{1,63}$`)
)

func readPayload(body io.Reader) (payload, error) {
	var p payload
	text, err := io.ReadAll(io.LimitReader(body, maxPayload+1))
	if err != nil {
		return p, fmt.Errorf("the body could not be read: %w", err)
	}
	if len(text) > maxPayload {
		return p, fmt.Errorf("the body has more than %d bytes, which no webhook of Flagger needs", maxPayload)
	}
	if err := json.Unmarshal(text, &p); err != nil {
		return p, fmt.Errorf("the body is not what Flagger sends, a JSON object with name, namespace, phase, checksum and metadata of strings: %w", err)
	}
	return p, nil
}

// canary is what a hook is about, and what its metadata ask for.
type canary struct {
	cluster, namespace, name string
	checksum, phase          string
	config                   string
	scopes                   *judgedv1.Scopes
	require                  requirement
	onInconclusive           policy
}

// requirement is what a hook needs to consent; empty is up to the hook.
type requirement string

const (
	// noFail consents unless the analysis says FAIL or cannot judge.
	noFail requirement = "no-fail"
	// pass consents to PASS only.
	pass requirement = "pass"
)

// policy is what an analysis that ended undecided means.
type policy string

const (
	hold     policy = "hold"
	promote  policy = "promote"
	rollBack policy = "rollback"
)

// about checks a payload. An unknown key of the metadata is an error: a word
// misspelt must not silently mean the default.
func about(p payload) (canary, error) {
	c := canary{
		namespace: p.Namespace, name: p.Name, checksum: p.Checksum, phase: p.Phase, onInconclusive: hold,
		// Flagger's names: it copies the target to <name>-primary.
		scopes: &judgedv1.Scopes{
			Baseline: &judgedv1.Scope{Variables: map[string]string{"namespace": p.Namespace, "target": p.Name + "-primary"}},
			Canary:   &judgedv1.Scope{Variables: map[string]string{"namespace": p.Namespace, "target": p.Name}},
		},
	}
	var problems []string
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if !objectName.MatchString(p.Name) {
		wrong("name: %.80q is no name of Kubernetes", p.Name)
	}
	if !objectName.MatchString(p.Namespace) {
		wrong("namespace: %.80q is no name of Kubernetes", p.Namespace)
	}
	if !checksum.MatchString(p.Checksum) {
		wrong("checksum: %.80q is none of Flagger's: it is needed to tell revisions apart", p.Checksum)
	}
	for _, key := range slices.Sorted(maps.Keys(p.Metadata)) {
		value := p.Metadata[key]
		side, variable, isScope := strings.Cut(key, ".")
		switch {
		case isScope && side == "baseline":
			c.scopes.Baseline.Variables[variable] = value
		case isScope && side == "canary":
			c.scopes.Canary.Variables[variable] = value
		case key == "config":
			c.config = value
		case key == "cluster":
			if c.cluster = value; !objectName.MatchString(value) {
				wrong("metadata.cluster: %.80q is no name: small letters, digits, dots and dashes", value)
			}
		case key == "require":
			if c.require = requirement(value); c.require != noFail && c.require != pass {
				wrong("metadata.require: %.80q: say %s or %s", value, noFail, pass)
			}
		case key == "onInconclusive":
			if c.onInconclusive = policy(value); c.onInconclusive != hold && c.onInconclusive != promote && c.onInconclusive != rollBack {
				wrong("metadata.onInconclusive: %.80q: say %s, %s or %s", value, hold, promote, rollBack)
			}
		default:
			wrong("metadata: judged knows no %.80q: only config, baseline.NAME, canary.NAME, require, onInconclusive and cluster", key)
		}
	}
	if len(problems) > 0 {
		return c, errors.New(strings.Join(problems, "; "))
	}
	return c, nil
}

// key is that of the canary's analyses, one at a time.
func (c canary) key() string { return c.keyOf("flagger") }

func (c canary) keyOf(kind string) string {
	if c.cluster != "" {
		return gate.Key(kind, c.cluster, c.namespace, c.name)
	}
	return gate.Key(kind, c.namespace, c.name)
}

func (c canary) String() string { return c.namespace + "/" + c.name }
