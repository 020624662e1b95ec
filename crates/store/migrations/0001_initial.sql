-- One SQL for SQLite and PostgreSQL: TEXT, BIGINT and DOUBLE PRECISION only. Times are milliseconds since
-- 1970-01-01 UTC, booleans are 0 and 1, structures are JSON as TEXT.

CREATE TABLE repos (
    id BIGINT NOT NULL PRIMARY KEY,
    full_name TEXT NOT NULL UNIQUE,
    branch TEXT NOT NULL,
    notebook_glob TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE deliveries (
    delivery_id TEXT NOT NULL PRIMARY KEY,
    event TEXT NOT NULL,
    repo TEXT,
    body_sha256 TEXT NOT NULL,
    received_at BIGINT NOT NULL
);

-- Identifiers are UUIDs of version 7: their order as text is the order of creation.
CREATE TABLE pipelines (
    id TEXT NOT NULL PRIMARY KEY,
    repo TEXT NOT NULL,
    branch TEXT NOT NULL,
    commit_sha TEXT NOT NULL,
    notebook_path TEXT NOT NULL,
    parameters TEXT NOT NULL,
    delivery_id TEXT,
    manual BIGINT NOT NULL,
    model_name TEXT,
    declared_version TEXT,
    registry_version BIGINT,
    mlflow_run_id TEXT,
    metrics TEXT NOT NULL DEFAULT '{}',
    status TEXT NOT NULL DEFAULT 'queued',
    deployed BIGINT NOT NULL DEFAULT 0,
    reason TEXT,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT,
    cancel_requested BIGINT NOT NULL DEFAULT 0,
    job_sent_at BIGINT,
    lease_owner TEXT,
    lease_token BIGINT NOT NULL DEFAULT 0,
    lease_expires_at BIGINT,
    takeovers BIGINT NOT NULL DEFAULT 0
);
-- A commit's notebook runs once by push, and as often by hand as one likes.
CREATE UNIQUE INDEX pipelines_pushed ON pipelines (repo, commit_sha, notebook_path) WHERE manual = 0;
CREATE INDEX pipelines_unfinished ON pipelines (status, id) WHERE status IN ('queued', 'running');
CREATE INDEX pipelines_by_model ON pipelines (model_name, id);

CREATE TABLE phases (
    pipeline_id TEXT NOT NULL REFERENCES pipelines (id),
    phase TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'pending',
    started_at BIGINT,
    finished_at BIGINT,
    attempt BIGINT NOT NULL DEFAULT 0,
    error TEXT,
    checkpoint TEXT,
    PRIMARY KEY (pipeline_id, phase)
);

CREATE TABLE delivery_pipelines (
    delivery_id TEXT NOT NULL REFERENCES deliveries (delivery_id),
    pipeline_id TEXT NOT NULL REFERENCES pipelines (id),
    PRIMARY KEY (delivery_id, pipeline_id)
);

-- A row is a batch of consecutive lines; the batches of a pipeline follow each other without a gap.
CREATE TABLE log_chunks (
    pipeline_id TEXT NOT NULL REFERENCES pipelines (id),
    first_seq BIGINT NOT NULL,
    last_seq BIGINT NOT NULL,
    lines TEXT NOT NULL,
    PRIMARY KEY (pipeline_id, first_seq)
);

CREATE TABLE versions (
    model_name TEXT NOT NULL,
    version BIGINT NOT NULL,
    pipeline_id TEXT NOT NULL REFERENCES pipelines (id),
    flavour TEXT NOT NULL,
    uri TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (model_name, version)
);

CREATE TABLE deployments (
    model_name TEXT NOT NULL,
    environment TEXT NOT NULL,
    version BIGINT NOT NULL,
    pipeline_id TEXT NOT NULL REFERENCES pipelines (id),
    uri TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    metrics TEXT NOT NULL,
    deployed_at BIGINT NOT NULL,
    PRIMARY KEY (model_name, environment)
);

-- The executed notebook, also while it runs: nbformat JSON.
CREATE TABLE notebooks (
    pipeline_id TEXT NOT NULL PRIMARY KEY REFERENCES pipelines (id),
    content TEXT NOT NULL
);
