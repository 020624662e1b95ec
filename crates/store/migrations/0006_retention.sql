-- What retention looks for: it must not read whole tables beside those who work.
CREATE INDEX pipelines_by_end ON pipelines (finished_at, id) WHERE finished_at IS NOT NULL;
DROP INDEX pipelines_finished;
CREATE INDEX pipelines_of_notebook ON pipelines (repo, branch, notebook_path, status, id) WHERE finished_at IS NOT NULL;
CREATE INDEX deliveries_by_age ON deliveries (received_at);
CREATE INDEX versions_by_pipeline ON versions (pipeline_id);
CREATE INDEX deployment_history_by_pipeline ON deployment_history (pipeline_id);
CREATE INDEX deployment_history_by_environment ON deployment_history (model_name, environment, generation);
CREATE INDEX deployment_history_by_former ON deployment_history (former) WHERE former IS NOT NULL;
