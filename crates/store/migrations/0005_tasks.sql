-- Background work that is no pipeline. `payload` is JSON that the kind tells how to read.
CREATE TABLE tasks (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    -- Of tasks with the same key, at most one is unfinished.
    unique_key TEXT,
    status TEXT NOT NULL DEFAULT 'queued',
    run_at BIGINT NOT NULL,
    attempt BIGINT NOT NULL DEFAULT 0,
    max_attempts BIGINT NOT NULL,
    cancel_requested BIGINT NOT NULL DEFAULT 0,
    lease_owner TEXT,
    lease_token BIGINT NOT NULL DEFAULT 0,
    lease_expires_at BIGINT,
    -- When the queue was told of it, since it last became due.
    job_sent_at BIGINT,
    progress TEXT,
    outcome TEXT,
    error TEXT,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT
);
CREATE UNIQUE INDEX tasks_once ON tasks (unique_key) WHERE unique_key IS NOT NULL AND status IN ('queued', 'running');
CREATE INDEX tasks_unfinished ON tasks (run_at, id) WHERE status IN ('queued', 'running');
CREATE INDEX tasks_finished ON tasks (finished_at) WHERE finished_at IS NOT NULL;
