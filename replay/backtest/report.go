package backtest

// Report is what a run found.
type Report struct {
	// Cases is how many there were: Healthy, Faulty, and Unlike, healthy cases
	// whose arms are known to differ, which count in tables by pairing only.
	Cases, Healthy, Faulty, Unlike int
	// Skipped lines were no cases; FirstSkipped says why the first was none.
	Skipped      int
	FirstSkipped error
	// Partial reports that the run stopped before the last case.
	Partial bool
	// LookEvery is the number of intervals between looks, 0 for one look.
	LookEvery int
	// Judges are the names of the judges.
	Judges []string
	// Overall has one row a judge.
	Overall []Row
	// Tables are in the order that they were asked for.
	Tables []Table
}

// Table breaks the cases down.
type Table struct {
	By []Dimension
	// Rows has one row a judge for each stratum.
	Rows []Row
}

// Row is what one judge said of the cases of one stratum.
type Row struct {
	// Stratum has one text for each dimension of the table.
	Stratum []string
	Judge   string
	// Healthy and Faulty are the cases of either kind.
	Healthy, Faulty Group
	// FalseAlarms is the mean of the rates of FAIL over the cells source x
	// pairing x shape x window of the healthy cases.
	FalseAlarms Macro
	// MustCatch is the mean of the rates of FAIL over the types and sizes of
	// injected regressions that every judge has to find.
	MustCatch Macro
	// ROC is the curve, and AUC the area under it; nil and NaN unless there
	// are healthy and faulty cases.
	ROC []ROC
	AUC float64
}

// Group counts the verdicts on one kind of cases.
type Group struct {
	Fail, Inconclusive, Pass, Error int
	// AnyLook is how many cases FAILed at any look, if looks were replayed.
	AnyLook int
	// MedianFirstFail is the median of the intervals until the first FAIL over
	// these cases, MedianWindow that of their windows; 0 if there are none.
	MedianFirstFail, MedianWindow int
}

// Cases is the number of cases.
func (g Group) Cases() int { return g.Fail + g.Inconclusive + g.Pass + g.Error }

// Failed is the rate of FAIL: of false alarms or of detections.
func (g Group) Failed() Rate { return Rate{g.Fail, g.Cases()} }

// FailedAtAnyLook is the rate of cases that FAILed at some look.
func (g Group) FailedAtAnyLook() Rate { return Rate{g.AnyLook, g.Cases()} }
