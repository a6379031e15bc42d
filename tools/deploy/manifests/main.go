// Command manifests reads the Kubernetes objects that `helm template` writes, from standard input, as an API server would: fields
// that do not exist, or of another type, are errors. Then it follows what they say about each other: selectors, ports, volumes, claims,
// accounts. The types come from Kubernetes' own modules, so no schema has to be downloaded.
//
//	helm template judged deploy/helm/judged | manifests -settings judged.yaml
//
// -settings names a file for the settings in the ConfigMap. It prints a line for each object and exits with 1 if something is wrong.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	settings := flag.String("settings", "", "write the ConfigMap's judged.yaml to this `file`")
	flag.Parse()
	if err := run(os.Stdin, os.Stdout, *settings); err != nil {
		fmt.Fprintln(os.Stderr, "manifests:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer, settings string) error {
	objects, err := read(in)
	if err != nil {
		return err
	}
	if err := errors.Join(objects.check()...); err != nil {
		return err
	}
	for _, name := range objects.names {
		fmt.Fprintln(out, name)
	}
	if settings == "" {
		return nil
	}
	return os.WriteFile(settings, []byte(objects.config.Data["judged.yaml"]), 0o600)
}
