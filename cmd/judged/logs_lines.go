package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/judged-dev/judged/logs/mine"
	"github.com/judged-dev/judged/logs/providers/files"
	"github.com/judged-dev/judged/logs/redact"
	"github.com/judged-dev/judged/logs/template"
)

const (
	// hashBytes is what a line takes in the file.
	hashBytes = 8
	// maxLineBytes bounds the file: half a billion lines.
	maxLineBytes = 4 << 30
)

// lineHashes keeps for every line of the input which skeleton it has, in a
// temporary file: templates are known only when all was read, and standard input
// cannot be read twice. 0 is a line of none.
type lineHashes struct {
	file *os.File
	out  *bufio.Writer
	next int64 // lines so far, of all files
	room int64
	// read is the file that is read, and before the lines of those before it.
	read   string
	before int64
	last   int64 // the line that the last record began with
	err    error
}

func newLineHashes(room int64) (*lineHashes, error) {
	f, err := os.CreateTemp("", "judged-lines-*")
	if err != nil {
		return nil, fmt.Errorf("--format tsv needs a temporary file: %w; TMPDIR says where", err)
	}
	return &lineHashes{file: f, out: bufio.NewWriterSize(f, 1<<18), room: room / hashBytes, last: -1}, nil
}

func (l *lineHashes) close() {
	_ = l.file.Close()
	_ = os.Remove(l.file.Name())
}

// begin says that lines of a file follow.
func (l *lineHashes) begin(file string) {
	if file != l.read {
		l.read, l.before = file, l.next
	}
}

// end notes that a file has so many lines: empty ones at its end have no record.
func (l *lineHashes) end(file string, lines int64) {
	l.begin(file)
	for l.next < min(l.before+lines, l.room) && l.err == nil {
		l.put(0)
		l.next++
	}
}

// add notes the lines of a record. The first error is write's.
func (l *lineHashes) add(at files.Position, hash uint64) {
	if l.err != nil {
		return
	}
	l.begin(at.File)
	if hash == 0 {
		hash = 1 // 0 is a line of no record; one skeleton in 2^64 has no template
	}
	first := l.before + at.Line - 1
	if first == l.last {
		return // one line of many records has the template of the first
	}
	l.last = first
	if end := first + int64(at.Span); end > l.room {
		l.err = fmt.Errorf("there are more than %d lines: give fewer files at once", l.room)
		return
	}
	// Container runtimes cut lines into pieces: a record may begin before the one
	// that was delivered before it.
	if first < l.next {
		l.fill(first, min(first+int64(at.Span), l.next), hash)
		at.Span -= int(l.next - first)
		first = l.next
	}
	for ; l.next < first; l.next++ {
		l.put(0)
	}
	for range max(at.Span, 0) {
		l.put(hash)
		l.next++
	}
}

func (l *lineHashes) put(hash uint64) {
	var b [hashBytes]byte
	binary.LittleEndian.PutUint64(b[:], hash)
	if _, err := l.out.Write(b[:]); err != nil && l.err == nil {
		l.err = err
	}
}

// fill gives lines that are written already, but have no record yet, theirs.
func (l *lineHashes) fill(from, to int64, hash uint64) {
	if l.err = l.out.Flush(); l.err != nil {
		return
	}
	var b [hashBytes]byte
	for i := from; i < to && l.err == nil; i++ {
		if _, l.err = l.file.ReadAt(b[:], i*hashBytes); l.err == nil && binary.LittleEndian.Uint64(b[:]) == 0 {
			binary.LittleEndian.PutUint64(b[:], hash)
			_, l.err = l.file.WriteAt(b[:], i*hashBytes)
		}
	}
}

// write writes a row a line: its number, its template's id, the template.
func (l *lineHashes) write(w io.Writer, m *mine.Miner, clean *redact.Redactor) error {
	if l.err == nil {
		l.err = l.out.Flush()
	}
	if l.err != nil {
		return fmt.Errorf("note the templates of lines in %s: %w", l.file.Name(), l.err)
	}
	if _, err := l.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	cells := templateCells(m, clean)
	in, out := bufio.NewReaderSize(l.file, 1<<18), bufio.NewWriterSize(w, 1<<18)
	var b [hashBytes]byte
	var row []byte
	for n := int64(1); ; n++ {
		if _, err := io.ReadFull(in, b[:]); errors.Is(err, io.EOF) {
			return out.Flush()
		} else if err != nil {
			return err
		}
		row = append(strconv.AppendInt(row[:0], n, 10), '\t')
		switch hash := binary.LittleEndian.Uint64(b[:]); {
		case hash == 0:
			row = append(row, '\t')
		default:
			cell, ok := cells[hash]
			if !ok {
				cell = "-\t" // it found no room
			}
			row = append(row, cell...)
		}
		if _, err := out.Write(append(row, '\n')); err != nil {
			return err
		}
	}
}

// tsvEscape keeps a cell in its line and column.
var tsvEscape = strings.NewReplacer("\\", `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`)

// templateCells returns the id and text of each skeleton's template.
func templateCells(m *mine.Miner, clean *redact.Redactor) map[uint64]string {
	skeletons := make([]template.Skeleton, m.Len())
	for i := range skeletons {
		skeletons[i] = m.Shape(i)
	}
	cells := make(map[uint64]string, m.Len())
	merged := template.Merge(skeletons)
	for i := range merged {
		cell := templateID(merged[i].ID) + "\t" + tsvEscape.Replace(clean.Text(merged[i].Text))
		for _, k := range merged[i].Members {
			cells[m.At(k).Hash] = cell
		}
	}
	return cells
}
