-- One SQL for SQLite and PostgreSQL: TEXT, BIGINT and DOUBLE PRECISION only. Times are milliseconds since
-- 1970-01-01 UTC by the database's clock, booleans are 0 and 1, structures are JSON as TEXT.

CREATE TABLE repos (
    id BIGINT NOT NULL PRIMARY KEY,
    full_name TEXT NOT NULL UNIQUE,
    branch TEXT NOT NULL,
    notebook_glob TEXT NOT NULL,
    cpu TEXT,
    memory TEXT,
    created_at BIGINT NOT NULL
);

-- What a delivery stands for is kept with it, as a list of [pipeline, notebook]: neither ever changes.
CREATE TABLE deliveries (
    delivery_id TEXT NOT NULL PRIMARY KEY,
    event TEXT NOT NULL,
    repo TEXT,
    body_sha256 TEXT NOT NULL,
    pipelines TEXT NOT NULL,
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
    traceparent TEXT,
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
    lease_owner TEXT,
    lease_token BIGINT NOT NULL DEFAULT 0,
    lease_expires_at BIGINT,
    takeovers BIGINT NOT NULL DEFAULT 0,
    -- Of a running pipeline whose lease ran out: when its job was sent for the next holder.
    job_sent_at BIGINT
);
-- A commit's notebook runs once by push, and as often by hand as one likes.
CREATE UNIQUE INDEX pipelines_pushed ON pipelines (repo, commit_sha, notebook_path) WHERE manual = 0;
-- A branch's notebook runs once at a time.
CREATE UNIQUE INDEX pipelines_running ON pipelines (repo, branch, notebook_path) WHERE status = 'running';
CREATE INDEX pipelines_unfinished ON pipelines (repo, branch, notebook_path, id) WHERE status IN ('queued', 'running');
CREATE INDEX pipelines_by_model ON pipelines (model_name, id) WHERE model_name IS NOT NULL;

-- Pipelines whose job is to be handed to the queue.
CREATE TABLE jobs_to_send (
    pipeline_id TEXT NOT NULL PRIMARY KEY
);

-- When a repository's pipeline was last taken: whose turn was longest ago is next.
CREATE TABLE turns (
    repo TEXT NOT NULL PRIMARY KEY,
    taken_at BIGINT NOT NULL
);

-- A phase has a row from its first start on.
CREATE TABLE phases (
    pipeline_id TEXT NOT NULL REFERENCES pipelines (id),
    phase TEXT NOT NULL,
    status TEXT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT,
    attempt BIGINT NOT NULL,
    error TEXT,
    checkpoint TEXT,
    PRIMARY KEY (pipeline_id, phase)
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

-- Its one row is locked by every change of what is deployed, so that changes become visible in the order of
-- their numbers.
CREATE TABLE deployment_changes (
    latest BIGINT NOT NULL
);
INSERT INTO deployment_changes (latest) VALUES (0);

-- Every deployment there was. `former` is the one that it is to give way to if it is reverted.
CREATE TABLE deployment_history (
    generation BIGINT NOT NULL PRIMARY KEY,
    former BIGINT,
    model_name TEXT NOT NULL,
    environment TEXT NOT NULL,
    version BIGINT NOT NULL,
    pipeline_id TEXT NOT NULL REFERENCES pipelines (id),
    uri TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    metrics TEXT NOT NULL,
    deployed_at BIGINT NOT NULL,
    ended_at BIGINT,
    -- 'replaced' or 'reverted'
    ended_by TEXT
);

-- The deployments there are.
CREATE TABLE deployments (
    model_name TEXT NOT NULL,
    environment TEXT NOT NULL,
    version BIGINT NOT NULL,
    generation BIGINT NOT NULL UNIQUE REFERENCES deployment_history (generation),
    PRIMARY KEY (model_name, environment)
);

-- What each model-server last said of itself.
CREATE TABLE model_servers (
    address TEXT NOT NULL PRIMARY KEY,
    seen_at BIGINT NOT NULL,
    report TEXT NOT NULL
);

-- The executed notebook, also while it runs: nbformat JSON.
CREATE TABLE notebooks (
    pipeline_id TEXT NOT NULL PRIMARY KEY REFERENCES pipelines (id),
    content TEXT NOT NULL
);
