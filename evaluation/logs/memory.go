package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/judged-dev/judged/logs"
	"github.com/judged-dev/judged/logs/mine"
)

// memory mines many lines of many skeletons and prints what that took.
func memory(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("memory", flag.ContinueOnError)
	lines := flags.Int("lines", 100_000_000, "lines")
	skeletons := flags.Int("skeletons", 1_000_000, "different skeletons among them")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *lines < 1 || *skeletons < 1 {
		return errors.New("there must be lines and skeletons")
	}
	m := mine.New(mine.Options{})
	random := rand.New(rand.NewPCG(1, 2))
	// How often skeletons occur falls off, as in real logs (Zipf).
	zipf := rand.NewZipf(random, 1.1, 4, uint64(*skeletons-1))
	started := time.Now()
	message, trace := make([]byte, 0, 256), make([]byte, 0, 32)
	for i := range *lines {
		if i%(1<<20) == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		k := zipf.Uint64()
		if i < *skeletons {
			k = uint64(i) // each occurs
		}
		message = append(message[:0], "request to the service of "...)
		message = letters(message, k)
		message = append(message, " took "...)
		message = strconv.AppendUint(message, random.Uint64N(1000), 10)
		message = append(message, " ms and returned an answer of some bytes"...)
		trace = strconv.AppendUint(trace[:0], random.Uint64N(uint64(*lines/10+1)), 16)
		m.Add(&logs.Record{Time: started.Add(time.Duration(i) * 18 * time.Microsecond), Level: logs.Info, Trace: trace, Instance: []byte("web-1"), Message: message})
	}
	took := time.Since(started)
	peak, err := peakMemory()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d lines of %d skeletons in %v: %.2f M lines/s, the making of the lines included\n", m.Lines, *skeletons, took.Round(time.Millisecond), float64(m.Lines)/took.Seconds()/1e6)
	fmt.Fprintf(out, "%d skeletons kept, %d lines (%.2f%%) of others counted apart\n", m.Len(), m.Overflow.Total(), 100*float64(m.Overflow.Total())/float64(m.Lines))
	fmt.Fprintf(out, "most memory held: %d MB\n", peak>>20)
	return nil
}

// letters appends a word for a number, made of letters only.
func letters(b []byte, k uint64) []byte {
	for {
		b = append(b, "bcdfghjklmnpqrst"[k%16], "aeiou"[k/16%5])
		if k /= 80; k == 0 {
			return b
		}
	}
}

// peakMemory returns the most memory that this process held, in bytes.
func peakMemory() (int64, error) {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0, fmt.Errorf("the memory held is known on Linux only: %w", err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), "VmHWM:"); ok {
			kilobytes, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kilobytes << 10, err
		}
	}
	return 0, errors.New("/proc/self/status has no VmHWM")
}
