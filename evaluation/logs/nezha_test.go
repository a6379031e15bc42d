package main

import (
	"os"
	"testing"
)

const data = "../../../shared/data/logs-traces"

// The bounds are what the product promises on this data: findings in at most 1 % of
// healthy services compared at the same time, and in 5 % compared with earlier
// windows, some of which still show the fault before (the data's README); nearly all
// faults that a log can show.
func TestServices(t *testing.T) {
	if _, err := os.Stat(data); err != nil {
		t.Skip("the evaluation data is not here: ", err)
	}
	r, err := nezha(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range r.Told {
		t.Log(line)
	}
	if c := r.Concurrent; 100*c.WithFinding > c.Cases || c.Cases < 200 {
		t.Errorf("at the same time: %+v", c)
	}
	if c := r.Timeshift; 20*c.WithFinding > c.Cases || c.Cases < 400 {
		t.Errorf("against earlier windows: %+v", c)
	}
	if f := r.Faults["return"]; 11*f.Detected < 10*f.Cases || f.Cases == 0 {
		t.Errorf("faults of kind return: %+v", f)
	}
	if f := r.Faults["exception"]; 13*f.Detected < 10*f.Cases || f.Cases == 0 {
		t.Errorf("faults of kind exception: %+v", f)
	}
}
