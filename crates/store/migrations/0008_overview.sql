-- What the first page of the dashboard counts and lists. Each of these but the last is of pipelines that ended, so that the
-- intake of pushes doesn't pay for it.
CREATE INDEX pipelines_ended ON pipelines (status, id) WHERE status IN ('succeeded', 'failed', 'cancelled', 'skipped');
CREATE INDEX pipelines_held_back ON pipelines (id) WHERE status = 'succeeded' AND deployed = 0;
CREATE INDEX pipelines_results ON pipelines (repo, branch, notebook_path, id) WHERE status IN ('succeeded', 'failed');
CREATE INDEX versions_by_model ON versions (model_name, version, created_at);
