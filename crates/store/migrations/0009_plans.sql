-- What both databases look up as it is, without being told how. A pipeline that ended has a time when it did: so the indices
-- say it, because PostgreSQL takes a column to be filled in nearly every row until it knows better, and a status for rare.
-- The intake of pushes doesn't pay for these but the last.
DROP INDEX pipelines_ended;
CREATE INDEX pipelines_ended ON pipelines (status, id, finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX pipelines_of_repo ON pipelines (repo, id, finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX pipelines_of_branch ON pipelines (branch, id, finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX deployment_history_by_version ON deployment_history (model_name, version);
-- Lists of what waits or is under way, newest first. It has few rows, and a new one comes last.
CREATE INDEX pipelines_unfinished_by_id ON pipelines (id) WHERE status IN ('queued', 'running');
