-- What is kept for the interfaces of other products, in their own formats.
CREATE TABLE documents (
  tenant  TEXT   NOT NULL,
  kind    TEXT   NOT NULL,
  id      TEXT   NOT NULL,
  scope   TEXT   NOT NULL, -- what lists are narrowed by, such as an application
  state   TEXT   NOT NULL,
  version BIGINT NOT NULL,
  created BIGINT NOT NULL, -- times are microseconds since 1970
  updated BIGINT NOT NULL,
  expires BIGINT NOT NULL, -- 0: never
  summary BLOB   NOT NULL, -- what lists need
  content BLOB   NOT NULL,
  PRIMARY KEY (tenant, kind, id)
);
CREATE INDEX documents_by_scope ON documents (tenant, kind, scope, id);
CREATE INDEX documents_expire ON documents (expires) WHERE expires > 0;
CREATE INDEX documents_by_state ON documents (tenant, kind, state);
