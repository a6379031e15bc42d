package main

import (
	"fmt"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/judged-dev/judged/internal/auth"
)

type tokenCommand struct {
	Name     string    `arg:"" placeholder:"NAME" help:"Whose token it is: what logs and rules call the caller."`
	Tenant   string    `placeholder:"NAME" help:"The tenant that the caller belongs to."`
	NotAfter time.Time `placeholder:"TIME" help:"When the token expires (RFC 3339); never, if left out."`
}

// Help is shown by "judged token --help".
func (tokenCommand) Help() string {
	return `Makes a random token. It is printed once, on the first line, and kept nowhere; give it to
the caller, who puts it into a file for --token-file. The other lines are the entry for
the server's file of tokens, which holds only the token's hash.

Examples:
  judged token ci
  judged token deployer --tenant payments --not-after 2027-06-30T00:00:00Z`
}

// tokenEntry is an entry of the file of tokens.
type tokenEntry struct {
	Name     string `yaml:"name"`
	Tenant   string `yaml:"tenant,omitempty"`
	SHA256   string `yaml:"sha256"`
	NotAfter string `yaml:"not_after,omitempty"`
}

// Run prints a new token and its entry.
func (c tokenCommand) Run(w world) error {
	token, hash := auth.NewToken()
	entry := tokenEntry{Name: c.Name, Tenant: c.Tenant, SHA256: hash}
	if !c.NotAfter.IsZero() {
		if !c.NotAfter.After(w.now()) {
			return fmt.Errorf("--not-after: %s is past: such a token is of no use", c.NotAfter.Format(time.RFC3339))
		}
		entry.NotAfter = c.NotAfter.UTC().Format(time.RFC3339)
	}
	text, err := yaml.Marshal(map[string][]tokenEntry{"tokens": {entry}})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w.stdout, "%s\n\n# for the server's file of tokens:\n%s", token, text)
	return err
}
