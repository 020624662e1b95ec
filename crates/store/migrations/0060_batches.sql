-- Batch predictions. `spec` is JSON of the package `tables`; `job` is what a caller names it by, so that two requests are one.
CREATE TABLE batches (
    id TEXT NOT NULL PRIMARY KEY,
    job TEXT,
    model_name TEXT NOT NULL,
    environment TEXT NOT NULL,
    version BIGINT NOT NULL,
    spec TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'queued',
    -- Of the input; not known of tables whose files don't say.
    total BIGINT,
    shards BIGINT NOT NULL,
    error TEXT,
    output_version BIGINT,
    created_by TEXT,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT
);
CREATE UNIQUE INDEX batches_once ON batches (job) WHERE job IS NOT NULL;
CREATE INDEX batches_of_model ON batches (model_name, id);
CREATE INDEX batches_finished ON batches (finished_at) WHERE finished_at IS NOT NULL;
-- What each shard reads (`piece`), and what it wrote (`files`), once it has.
CREATE TABLE batch_shards (
    batch_id TEXT NOT NULL,
    shard BIGINT NOT NULL,
    piece TEXT NOT NULL,
    -- The last task that scores it.
    task_id TEXT,
    files TEXT,
    scored BIGINT NOT NULL DEFAULT 0,
    rejected BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (batch_id, shard)
);
CREATE INDEX batch_shards_of_task ON batch_shards (task_id);
