-- Schedules that a repository's `mlsys.toml` declares: which file says so, as of which commit.
ALTER TABLE schedules ADD COLUMN source_repo TEXT;
ALTER TABLE schedules ADD COLUMN source_path TEXT;
ALTER TABLE schedules ADD COLUMN source_commit TEXT;
CREATE INDEX schedules_of_source ON schedules (source_repo) WHERE source_repo IS NOT NULL;
-- What was last pushed, and what came of the files that were last read; `report` is JSON.
CREATE TABLE declarations (
    repo TEXT NOT NULL PRIMARY KEY,
    pushed_branch TEXT,
    pushed_commit TEXT,
    branch TEXT,
    commit_sha TEXT,
    report TEXT,
    read_at BIGINT
);
