package mine

import "time"

// Options bound a Miner. The zero value has the defaults.
type Options struct {
	// MaxBytes bounds the memory that a Miner's tables take, give or take a tenth
	// and some MB of a fixed size; 0 is DefaultMaxBytes. Half of it is for skeletons:
	// some 200 bytes each and their text.
	MaxBytes int64
	// Cell is how long one cell is to begin with; 0 is DefaultCell. Cells become
	// twice as long whenever there are too many. Miners that are merged should begin
	// with the same one.
	Cell time.Duration
}

// Defaults and limits of a Miner.
const (
	// DefaultMaxBytes keeps the process that mines one side, garbage included,
	// below 256 MB.
	DefaultMaxBytes = 96 << 20
	// DefaultCell is short against the time for which a fault lasts and long
	// against that between the lines of one request.
	DefaultCell = 10 * time.Second

	minCell = 2 * time.Second // see maxSeconds

	// maxRequests bounds the trace ids of one skeleton, maxAllRequests those of
	// the side: the count is then off by 3 % and .4 % (one standard error), which
	// is little beside how requests vary.
	maxRequests    = 1 << 10
	maxAllRequests = 1 << 16
	// maxInstances bounds the instances that are told apart; the one without a name
	// stands for all others.
	maxInstances = 1 << 10
	// maxLoggers bounds the names of loggers.
	maxLoggers = 1 << 14
	maxName    = 256 // bytes of an instance's or a logger's name
	// maxCells bounds the cells of all lines: those of a line that comes late are
	// moved to make room, and moving so many takes as long as counting some hundred
	// lines.
	maxCells = 1 << 16
)

// The parts of MaxBytes that are for each kind of table.
const (
	skeletonPart = 2  // a half
	requestPart  = 6  // a sixth
	cellPart     = 6  // a sixth
	samplePart   = 12 // a twelfth
	slotPart     = 12 // a twelfth
)

func (o Options) withDefaults() Options {
	if o.MaxBytes <= 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.Cell <= 0 {
		o.Cell = DefaultCell
	}
	o.Cell = max(o.Cell, minCell)
	o.Cell = o.Cell.Truncate(time.Second)
	return o
}
