package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/judged-dev/judged/client"
	"github.com/judged-dev/judged/config"
	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

type configsCommand struct {
	List      configsListCommand      `cmd:"" help:"List the configs of a server."`
	Get       configsGetCommand       `cmd:"" help:"Print a config."`
	Put       configsPutCommand       `cmd:"" help:"Store a config: a new one, or a new revision."`
	Import    configsImportCommand    `cmd:"" help:"Store several configs at once, or none."`
	Export    configsExportCommand    `cmd:"" help:"Save configs as files."`
	Diff      configsDiffCommand      `cmd:"" help:"Show what changed between two revisions."`
	Revisions configsRevisionsCommand `cmd:"" help:"List the revisions of a config."`
	Delete    configsDeleteCommand    `cmd:"" help:"Remove a config with its revisions."`
}

type configsListCommand struct{ remote }

// Run prints a table.
func (c configsListCommand) Run(ctx context.Context, w world) error {
	server, err := c.client()
	if err != nil {
		return err
	}
	out := newTable(w.stdout, "NAME", "APPLICATION", "REVISION", "STORED", "AUTHOR", "COMMENT")
	for s, err := range server.ListConfigs(ctx) {
		if err != nil {
			return err
		}
		out.row(s.GetConfig().GetName(), s.GetConfig().GetApplication(), fmt.Sprint(s.GetRevision()), moment(s.GetCreateTime()), s.GetAuthor(), s.GetComment())
	}
	return out.flush()
}

type configsGetCommand struct {
	Name     string `arg:"" placeholder:"NAME" help:"The config."`
	Revision int64  `placeholder:"N" help:"Its revision; the latest if left out."`
	remote
}

// Run prints the config as YAML.
func (c configsGetCommand) Run(ctx context.Context, w world) error {
	server, err := c.client()
	if err != nil {
		return err
	}
	stored, err := server.GetConfig(ctx, c.Name, c.Revision)
	if err != nil {
		return err
	}
	text, err := config.Format(stored.GetConfig())
	if err != nil {
		return err
	}
	_, err = w.stdout.Write(text)
	return err
}

type configsPutCommand struct {
	File     string `arg:"" placeholder:"CONFIG" help:"The CanaryConfig, YAML or JSON; its name says which one it is on the server."`
	Expected *int64 `placeholder:"N" help:"Only if the latest revision is N; 0: only if there is none."`
	Comment  string `placeholder:"TEXT" help:"Why, for whoever reads the revisions later."`
	remote
}

// Help is shown by "judged configs put --help".
func (configsPutCommand) Help() string {
	return `Stores CONFIG under its name. A config that says the same as the latest revision gets no
new one. Without --expected it replaces whatever is latest now.

Examples:
  judged configs put checkout.yaml --server https://judged.example.com --comment "wider margin"
  judged configs put checkout.yaml --expected 7   # nobody changed it since I read it

Exit codes: 0 stored or unchanged, 3 not stored.`
}

// Run stores the config, unless the server has it already.
func (c configsPutCommand) Run(ctx context.Context, w world) error {
	parsed, err := parseConfig(c.File)
	if err != nil {
		return err
	}
	server, err := c.client()
	if err != nil {
		return err
	}
	expected, same, err := c.latest(ctx, server, parsed)
	if err != nil {
		return err
	}
	if same {
		_, err := fmt.Fprintf(w.stdout, "%s unchanged at revision %d\n", parsed.GetName(), expected)
		return err
	}
	var stored *judgedv1.StoredConfig
	if expected == 0 {
		stored, err = server.CreateConfig(ctx, parsed, c.Comment)
	} else {
		stored, err = server.UpdateConfig(ctx, parsed, expected, c.Comment)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w.stdout, "%s stored as revision %d\n", parsed.GetName(), stored.GetRevision())
	return err
}

// latest returns the revision to replace, and whether it says the same.
func (c configsPutCommand) latest(ctx context.Context, server *client.Client, parsed *judgedv1.CanaryConfig) (revision int64, same bool, err error) {
	if c.Expected != nil {
		return *c.Expected, false, nil
	}
	stored, err := server.GetConfig(ctx, parsed.GetName(), 0)
	if e, ok := errors.AsType[*client.Error](err); ok && e.Code == connect.CodeNotFound {
		return 0, false, nil
	}
	return stored.GetRevision(), err == nil && proto.Equal(stored.GetConfig(), parsed), err
}

type configsImportCommand struct {
	Paths   []string `arg:"" name:"path" placeholder:"PATH" help:"Configs, or directories with .yaml, .yml and .json files of configs."`
	Comment string   `placeholder:"TEXT" help:"Why, for whoever reads the revisions later."`
	DryRun  bool     `help:"Say what would happen, and do nothing."`
	remote
}

// Help is shown by "judged configs import --help".
func (configsImportCommand) Help() string {
	return `Stores all configs in one step; if one of them is wrong, none. What the server has
already gets no new revision, so that a pipeline can import a repository at every commit.

Examples:
  judged configs import configs/ --server https://judged.example.com --comment "$GIT_COMMIT"
  judged configs import a.yaml b.yaml --dry-run`
}

// Run imports and prints what became of each file.
func (c configsImportCommand) Run(ctx context.Context, w world) error {
	files, err := configFiles(c.Paths)
	if err != nil {
		return err
	}
	request := &judgedv1.ImportConfigsRequest{Comment: c.Comment, DryRun: c.DryRun}
	var problems []error
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err == nil {
			_, err = config.Parse(text, path) // it knows the file's name, the server does not
		}
		problems = append(problems, err)
		request.Texts = append(request.Texts, string(text))
	}
	if err := errors.Join(problems...); err != nil {
		return err
	}
	server, err := c.client()
	if err != nil {
		return err
	}
	imported, err := server.ImportConfigs(ctx, request)
	if err != nil {
		return err
	}
	out := newTable(w.stdout, "NAME", "CHANGE", "REVISION", "FILE")
	for i, one := range imported {
		file := ""
		if i < len(files) {
			file = files[i]
		}
		out.row(one.GetName(), one.GetChange(), fmt.Sprint(one.GetRevision()), file)
	}
	return out.flush()
}

// configFiles returns the files among paths and those of configs in their
// directories.
func configFiles(paths []string) ([]string, error) {
	var files []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			switch strings.ToLower(filepath.Ext(e.Name())) {
			case ".yaml", ".yml", ".json":
				files = append(files, filepath.Join(path, e.Name()))
			}
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("there is no .yaml, .yml or .json file in %s", strings.Join(paths, ", "))
	}
	return files, nil
}

type configsExportCommand struct {
	Names     []string `arg:"" optional:"" name:"name" placeholder:"NAME" help:"Only these configs; all if left out."`
	Directory string   `required:"" short:"d" placeholder:"DIR" help:"Where to save them, each as NAME.yaml."`
	remote
}

// configName is what the contract allows; a file is named so.
var configName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// Run saves each config as a file.
func (c configsExportCommand) Run(ctx context.Context, w world) error {
	server, err := c.client()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.Directory, 0o755); err != nil {
		return err
	}
	out := newTable(w.stdout, "NAME", "REVISION", "FILE")
	for one, err := range server.ExportConfigs(ctx, c.Names...) {
		if err != nil {
			return err
		}
		if !configName.MatchString(one.GetName()) {
			return fmt.Errorf("the server exports a config that is called %.80q, which is no config's name and no file's", one.GetName())
		}
		path := filepath.Join(c.Directory, one.GetName()+".yaml")
		if err := os.WriteFile(path, []byte(one.GetText()), 0o644); err != nil {
			return err
		}
		out.row(one.GetName(), fmt.Sprint(one.GetRevision()), path)
	}
	return out.flush()
}

type configsDiffCommand struct {
	Name string `arg:"" placeholder:"NAME" help:"The config."`
	From int64  `placeholder:"N" help:"The older revision; the one before the newer if left out."`
	To   int64  `placeholder:"N" help:"The newer revision; the latest if left out."`
	remote
}

// Run prints a unified diff; nothing if the revisions say the same.
func (c configsDiffCommand) Run(ctx context.Context, w world) error {
	server, err := c.client()
	if err != nil {
		return err
	}
	diff, err := server.DiffRevisions(ctx, c.Name, c.From, c.To)
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(w.stdout, diff.GetDiff())
	return err
}

type configsRevisionsCommand struct {
	Name string `arg:"" placeholder:"NAME" help:"The config."`
	remote
}

// Run prints a table.
func (c configsRevisionsCommand) Run(ctx context.Context, w world) error {
	server, err := c.client()
	if err != nil {
		return err
	}
	out := newTable(w.stdout, "REVISION", "STORED", "AUTHOR", "COMMENT")
	for s, err := range server.ListRevisions(ctx, c.Name) {
		if err != nil {
			return err
		}
		out.row(fmt.Sprint(s.GetRevision()), moment(s.GetCreateTime()), s.GetAuthor(), s.GetComment())
	}
	return out.flush()
}

type configsDeleteCommand struct {
	Name string `arg:"" placeholder:"NAME" help:"The config."`
	remote
}

// Run deletes the config.
func (c configsDeleteCommand) Run(ctx context.Context, w world) error {
	server, err := c.client()
	if err != nil {
		return err
	}
	if err := server.DeleteConfig(ctx, c.Name); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w.stdout, "%s deleted\n", c.Name)
	return err
}
