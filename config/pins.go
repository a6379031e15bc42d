package config

import (
	"github.com/judged-dev/judged/internal/wire"
	"github.com/judged-dev/judged/logs/compare"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// LoadPins reads a file with what is known of single log templates: pins, written
// as in the logs of a config.
func LoadPins(path string) ([]compare.Pin, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	// They are a part of a log, whose other fields are not what the file is for.
	text = append(text, "\nsource: files\nquery: '*'\n"...)
	message := &judgedv1.Log{}
	if err := parse(text, path, message); err != nil {
		return nil, err
	}
	return wire.Pins(message.GetPins()), nil
}
