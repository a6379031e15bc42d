package ratio

import (
	"github.com/judged-dev/judged/judge"
	"github.com/judged-dev/judged/judge/internal/rates"
)

// Name of the judge in configs and results.
const Name = "ratio"

// Judge compares the shares of two arms. The zero value is ready to use.
type Judge struct{}

var _ judge.Judge = Judge{}

// Name implements judge.Judge.
func (Judge) Name() string { return Name }

// Judge implements judge.Judge.
func (Judge) Judge(s judge.Sample) judge.Finding {
	return rates.Kind{Judge: Name, Share: true}.Compare(s)
}
