CREATE TABLE analyses (
  id          TEXT     NOT NULL PRIMARY KEY, -- UUIDv7: sorts by creation
  tenant      TEXT     NOT NULL,
  state       SMALLINT NOT NULL,
  verdict     SMALLINT NOT NULL,
  version     BIGINT   NOT NULL,
  config_name TEXT     NOT NULL,
  application TEXT     NOT NULL,
  key         TEXT     NOT NULL, -- idempotency key, '' if none
  request     BLOB     NOT NULL, -- digest of the request that the key stands for
  created     BIGINT   NOT NULL, -- times are microseconds since 1970
  updated     BIGINT   NOT NULL,
  ended       BIGINT   NOT NULL, -- 0 while it lives
  looks       INTEGER  NOT NULL, -- taken so far
  detail      BLOB     NOT NULL  -- the message without config and judgment
);
CREATE UNIQUE INDEX analyses_key ON analyses (tenant, key) WHERE key <> '';
CREATE INDEX analyses_by_time ON analyses (tenant, id);
CREATE INDEX analyses_by_config ON analyses (tenant, config_name, id);
CREATE INDEX analyses_by_application ON analyses (tenant, application, id);
CREATE INDEX analyses_live ON analyses (tenant, state, id) WHERE ended = 0;
CREATE INDEX analyses_ended ON analyses (ended) WHERE ended > 0;

-- What does not change while an analysis lives is not written again with it.
CREATE TABLE analysis_configs (
  analysis_id TEXT NOT NULL PRIMARY KEY,
  config      BLOB NOT NULL
);

CREATE TABLE analysis_judgments (
  analysis_id TEXT NOT NULL PRIMARY KEY,
  judgment    BLOB NOT NULL
);

CREATE TABLE analysis_labels (
  tenant      TEXT NOT NULL,
  name        TEXT NOT NULL,
  value       TEXT NOT NULL,
  analysis_id TEXT NOT NULL,
  PRIMARY KEY (tenant, name, value, analysis_id)
);
CREATE INDEX analysis_labels_of ON analysis_labels (analysis_id);

CREATE TABLE looks (
  analysis_id TEXT    NOT NULL,
  number      INTEGER NOT NULL,
  summary     BLOB    NOT NULL, -- what it found, in short
  points      BLOB    NOT NULL, -- what it learned from its sources
  PRIMARY KEY (analysis_id, number)
);

CREATE TABLE tasks (
  id       TEXT     NOT NULL PRIMARY KEY,
  kind     TEXT     NOT NULL,
  lane     TEXT     NOT NULL, -- tasks that wait for the same thing share a lane
  tenant   TEXT     NOT NULL,
  subject  TEXT     NOT NULL, -- the analysis it is about
  due      BIGINT   NOT NULL, -- when it was meant to run
  visible  BIGINT   NOT NULL, -- when it may be claimed: due, later after a failure, the lease's end while somebody has it
  attempts INTEGER  NOT NULL,
  owner    TEXT     NOT NULL, -- who holds the lease, '' if nobody
  epoch    BIGINT   NOT NULL, -- counts claims: only the last claimant may complete
  dead     SMALLINT NOT NULL, -- 1: given up
  created  BIGINT   NOT NULL,
  error    TEXT     NOT NULL, -- of the last attempt
  payload  BLOB     NOT NULL
);
CREATE INDEX tasks_due ON tasks (kind, due) WHERE dead = 0;
CREATE INDEX tasks_owner ON tasks (owner) WHERE owner <> '';
CREATE INDEX tasks_subject ON tasks (subject);
CREATE INDEX tasks_of ON tasks (tenant, kind, id);

CREATE TABLE configs (
  tenant   TEXT   NOT NULL,
  name     TEXT   NOT NULL,
  revision BIGINT NOT NULL, -- the latest
  PRIMARY KEY (tenant, name)
);

CREATE TABLE config_revisions (
  tenant   TEXT   NOT NULL,
  name     TEXT   NOT NULL,
  revision BIGINT NOT NULL,
  created  BIGINT NOT NULL,
  author   TEXT   NOT NULL,
  comment  TEXT   NOT NULL,
  config   BLOB   NOT NULL,
  PRIMARY KEY (tenant, name, revision)
);

CREATE TABLE audit (
  tenant  TEXT     NOT NULL,
  id      TEXT     NOT NULL, -- UUIDv7
  at      BIGINT   NOT NULL,
  caller  TEXT     NOT NULL,
  method  TEXT     NOT NULL,
  action  TEXT     NOT NULL,
  object  TEXT     NOT NULL,
  detail  TEXT     NOT NULL,
  refused SMALLINT NOT NULL,
  PRIMARY KEY (tenant, id)
);
CREATE INDEX audit_at ON audit (at);
