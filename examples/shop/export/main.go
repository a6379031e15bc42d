// Export turns what a recording left behind into the files that are committed.
//
//	export metrics -prometheus URL -selector '{job="shop"}' -start T -end T -out FILE.gz
//	export logs    -from T -to T -out FILE.gz FILE...
//	export spans   -from T -to T -out FILE.gz FILE...
//
// metrics writes the samples a Prometheus stored, as OpenMetrics text. logs merges files of JSON log lines in the order
// of time. spans merges files of OTLP/JSON lines and keeps the traces that began in the window, whole. Times are RFC 3339.
package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "export:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		return errors.New("no command given; use metrics, logs or spans")
	}
	command := args[0]
	flags := flag.NewFlagSet("export "+command, flag.ContinueOnError)
	flags.SetOutput(stderr)
	out := flags.String("out", "", "file to write, compressed with gzip")
	switch command {
	case "metrics":
		url := flags.String("prometheus", "http://127.0.0.1:19090", "base URL of the Prometheus")
		selector := flags.String("selector", `{job="shop"}`, "which series to export")
		window := windowFlags(flags, "start", "end")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		if err := window.validate(); err != nil {
			return err
		}
		families, err := newPrometheus(*url).fetch(ctx, *selector, window)
		if err != nil {
			return err
		}
		counts := count(families)
		if counts.samples == 0 {
			return fmt.Errorf("%s has no samples of %s between %s and %s", *url, *selector,
				window.from.Format(time.RFC3339), window.to.Format(time.RFC3339))
		}
		if err := writeGzip(*out, func(w io.Writer) error { return writeOpenMetrics(w, families) }); err != nil {
			return err
		}
		_, err = fmt.Fprintf(stdout, "%s: %d families, %d series, %d samples\n", *out, counts.families, counts.series, counts.samples)
		return err
	case "logs", "spans":
		window := windowFlags(flags, "from", "to")
		if err := flags.Parse(args[1:]); err != nil {
			return err
		}
		if err := window.validate(); err != nil {
			return err
		}
		merge := mergeLogs
		if command == "spans" {
			merge = mergeSpans
		}
		lines, err := merge(flags.Args(), window)
		if err != nil {
			return err
		}
		if err := writeGzip(*out, func(w io.Writer) error { return writeLines(w, lines) }); err != nil {
			return err
		}
		_, err = fmt.Fprintf(stdout, "%s: %d lines\n", *out, len(lines))
		return err
	}
	return fmt.Errorf("unknown command %q; use metrics, logs or spans", command)
}

// window is a closed interval of time.
type window struct{ from, to time.Time }

func windowFlags(flags *flag.FlagSet, from, to string) *window {
	var w window
	flags.Func(from, "start of the window, RFC 3339", parseTime(&w.from))
	flags.Func(to, "end of the window, RFC 3339", parseTime(&w.to))
	return &w
}

func parseTime(target *time.Time) func(string) error {
	return func(text string) (err error) {
		*target, err = time.Parse(time.RFC3339, text)
		return err
	}
}

func (w *window) validate() error {
	if w.from.IsZero() || w.to.IsZero() || !w.from.Before(w.to) {
		return errors.New("the window needs a start and a later end")
	}
	return nil
}

func (w *window) contains(t time.Time) bool { return !t.Before(w.from) && !t.After(w.to) }

// writeGzip writes a file whose bytes depend on its content only: gzip's header gets no name and no time.
func writeGzip(path string, write func(io.Writer) error) (err error) {
	if path == "" {
		return errors.New("-out is empty; name the file to write")
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	compressed, err := gzip.NewWriterLevel(file, gzip.BestCompression)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriterSize(compressed, 1<<16)
	if err := write(buffered); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return compressed.Close()
}

func writeLines(w io.Writer, lines [][]byte) error {
	for _, line := range lines {
		if _, err := w.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return nil
}
