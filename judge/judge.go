package judge

// Judge compares the two sides of one signal.
//
// A Judge is a pure function: it does not block, keeps nothing between calls
// and is safe for concurrent use. It never returns an error: data that cannot
// be judged give a Finding that says so (NoData, Unclear or Failed) and why.
// It must not modify the sample's slices.
type Judge interface {
	// Name is the stable identifier used in configs and results.
	Name() string
	// Judge returns the finding for s.
	Judge(s Sample) Finding
}
