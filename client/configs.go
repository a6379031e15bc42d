package client

import (
	"context"
	"iter"

	judgedv1 "github.com/judged-dev/judged/proto/judged/v1"
)

// CreateConfig stores a new config as revision 1. The comment says why, for
// whoever reads the revisions later.
func (c *Client) CreateConfig(ctx context.Context, config *judgedv1.CanaryConfig, comment string) (*judgedv1.StoredConfig, error) {
	answer, err := call(ctx, c, "create config "+config.GetName(), once, c.configs.CreateConfig, &judgedv1.CreateConfigRequest{Config: config, Comment: comment})
	return answer.GetStored(), err
}

// GetConfig returns one revision of a config; 0 is the latest.
func (c *Client) GetConfig(ctx context.Context, name string, revision int64) (*judgedv1.StoredConfig, error) {
	answer, err := call(ctx, c, "get config "+name, repeatable, c.configs.GetConfig, &judgedv1.GetConfigRequest{Name: name, Revision: revision})
	return answer.GetStored(), err
}

// ListConfigs yields the latest revision of each config, by name. An error ends
// it.
func (c *Client) ListConfigs(ctx context.Context) iter.Seq2[*judgedv1.StoredConfig, error] {
	const op = "list configs"
	return pages(op, func(token string) ([]*judgedv1.StoredConfig, string, error) {
		answer, err := call(ctx, c, op, repeatable, c.configs.ListConfigs, &judgedv1.ListConfigsRequest{PageToken: token})
		return answer.GetConfigs(), answer.GetNextPageToken(), err
	})
}

// UpdateConfig stores a new revision in place of the expected one. If that is not
// the latest, the error's code is aborted: somebody else has changed the config.
func (c *Client) UpdateConfig(ctx context.Context, config *judgedv1.CanaryConfig, expected int64, comment string) (*judgedv1.StoredConfig, error) {
	answer, err := call(ctx, c, "update config "+config.GetName(), once, c.configs.UpdateConfig,
		&judgedv1.UpdateConfigRequest{Config: config, ExpectedRevision: expected, Comment: comment})
	return answer.GetStored(), err
}

// DeleteConfig removes a config with its revisions.
func (c *Client) DeleteConfig(ctx context.Context, name string) error {
	_, err := call(ctx, c, "delete config "+name, once, c.configs.DeleteConfig, &judgedv1.DeleteConfigRequest{Name: name})
	return err
}

// ValidateConfig says what is wrong with a config's text, YAML or JSON, and what
// it would ask of whom.
func (c *Client) ValidateConfig(ctx context.Context, text string) (*judgedv1.ValidateConfigResponse, error) {
	return call(ctx, c, "validate the config", repeatable, c.configs.ValidateConfig, &judgedv1.ValidateConfigRequest{Text: text})
}

// ListRevisions yields the revisions of a config, newest first. An error ends it.
func (c *Client) ListRevisions(ctx context.Context, name string) iter.Seq2[*judgedv1.StoredConfig, error] {
	op := "list the revisions of config " + name
	return pages(op, func(token string) ([]*judgedv1.StoredConfig, string, error) {
		answer, err := call(ctx, c, op, repeatable, c.configs.ListRevisions, &judgedv1.ListRevisionsRequest{Name: name, PageToken: token})
		return answer.GetRevisions(), answer.GetNextPageToken(), err
	})
}

// DiffRevisions returns what changed between two revisions of a config: from 0
// is the one before to, to 0 is the latest.
func (c *Client) DiffRevisions(ctx context.Context, name string, from, to int64) (*judgedv1.DiffRevisionsResponse, error) {
	return call(ctx, c, "compare revisions of config "+name, repeatable, c.configs.DiffRevisions, &judgedv1.DiffRevisionsRequest{Name: name, From: from, To: to})
}

// ExportConfigs yields the latest revisions of these configs as files; of all,
// if none is named. An error ends it.
func (c *Client) ExportConfigs(ctx context.Context, names ...string) iter.Seq2[*judgedv1.ExportedConfig, error] {
	const op = "export configs"
	return pages(op, func(token string) ([]*judgedv1.ExportedConfig, string, error) {
		answer, err := call(ctx, c, op, repeatable, c.configs.ExportConfigs, &judgedv1.ExportConfigsRequest{Names: names, PageToken: token})
		return answer.GetConfigs(), answer.GetNextPageToken(), err
	})
}

// ImportConfigs stores several configs at once, or none if one of them is wrong,
// and says what became of each text, in their order.
func (c *Client) ImportConfigs(ctx context.Context, r *judgedv1.ImportConfigsRequest) ([]*judgedv1.ImportedConfig, error) {
	// Again, the same texts change nothing.
	answer, err := call(ctx, c, "import configs", repeatable, c.configs.ImportConfigs, r)
	return answer.GetConfigs(), err
}
