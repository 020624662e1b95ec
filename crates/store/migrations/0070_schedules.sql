-- Schedules. `work` is JSON, of a form that `kind` says.
CREATE TABLE schedules (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    work TEXT NOT NULL,
    -- Whose it is: of a model, or of a repository.
    model_name TEXT,
    repo TEXT,
    cron TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    overlap TEXT NOT NULL,
    misfire TEXT NOT NULL,
    -- The next firing; none while it is paused.
    next_at BIGINT,
    created_by TEXT,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX schedules_by_name ON schedules (name);
-- What became of each firing.
CREATE TABLE firings (
    id TEXT NOT NULL PRIMARY KEY,
    schedule_id TEXT NOT NULL,
    scheduled_for BIGINT NOT NULL,
    cause TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT,
    batch_id TEXT,
    pipeline_id TEXT,
    created_at BIGINT NOT NULL,
    -- When it could not be begun, for the first time.
    tried_at BIGINT,
    started_at BIGINT,
    finished_at BIGINT
);
-- Each moment of a schedule fires once, whoever sees to it.
CREATE UNIQUE INDEX firings_once ON firings (schedule_id, scheduled_for) WHERE cause <> 'manual';
CREATE INDEX firings_of_schedule ON firings (schedule_id, scheduled_for, id);
CREATE INDEX firings_open ON firings (schedule_id) WHERE status IN ('waiting', 'running');
CREATE INDEX firings_finished ON firings (finished_at) WHERE finished_at IS NOT NULL;
