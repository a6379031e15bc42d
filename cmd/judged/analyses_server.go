package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/judged-dev/judged/client"
)

// credentials say who is calling a server, and whom to trust.
type credentials struct {
	TokenFile     string `env:"JUDGED_TOKEN_FILE" placeholder:"FILE" help:"File with the bearer token to send, if it is not in JUDGED_TOKEN."`
	InsecureToken bool   `help:"Send the token over plain HTTP, too: something else encrypts."`
	CAFile        string `name:"ca-file" env:"JUDGED_CA_FILE" placeholder:"FILE" help:"Authorities that sign the server's certificate, PEM, instead of the system's."`
	CertFile      string `env:"JUDGED_CERT_FILE" placeholder:"FILE" help:"Client certificate to show, PEM."`
	KeyFile       string `env:"JUDGED_KEY_FILE" placeholder:"FILE" help:"Its private key, PEM."`
}

// tokenVariable is where CI systems put a token.
const tokenVariable = "JUDGED_TOKEN"

// connect returns a client of a server.
func (c credentials) connect(server string) (*client.Client, error) {
	var options []client.Option
	switch {
	case c.TokenFile != "":
		options = append(options, client.WithToken(client.FileToken(c.TokenFile)))
	case os.Getenv(tokenVariable) != "": // no flag: command lines are seen by everybody on the machine
		options = append(options, client.WithToken(client.EnvToken(tokenVariable)))
	}
	if c.InsecureToken {
		options = append(options, client.WithInsecureToken())
	}
	if c.CAFile+c.CertFile+c.KeyFile != "" {
		options = append(options, client.WithTLS(c.CertFile, c.KeyFile, c.CAFile))
	}
	return client.New(server, options...)
}

// remote is the server that a command asks.
type remote struct {
	Server string `required:"" env:"JUDGED_SERVER" placeholder:"URL" help:"The judged server, such as https://judged.example.com."`
	credentials
}

func (r remote) client() (*client.Client, error) { return r.connect(r.Server) }

// table writes rows of aligned cells.
type table struct{ w *tabwriter.Writer }

func newTable(w io.Writer, columns ...string) table {
	t := table{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	t.row(columns...)
	return t
}

func (t table) row(cells ...string) {
	for i, c := range cells {
		if i > 0 {
			fmt.Fprint(t.w, "\t")
		}
		fmt.Fprint(t.w, cell(c))
	}
	fmt.Fprintln(t.w)
}

func (t table) flush() error { return t.w.Flush() }

// cell makes one line of a text that others wrote: it must not move the cursor.
func cell(s string) string {
	if s == "" {
		return "-"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
}

func moment(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().UTC().Format("2006-01-02 15:04:05")
}

func rfc3339(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().UTC().Format(time.RFC3339)
}

// evenJSON returns a message as JSON, the same bytes for the same message:
// protojson varies its white space from build to build.
func evenJSON(m proto.Message) ([]byte, error) {
	text, err := protojson.Marshal(m)
	if err != nil {
		return nil, err
	}
	var even bytes.Buffer
	if err := json.Indent(&even, text, "", "  "); err != nil {
		return nil, err
	}
	even.WriteByte('\n')
	return even.Bytes(), nil
}
