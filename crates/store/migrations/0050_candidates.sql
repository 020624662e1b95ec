-- Versions that are tried beside what is deployed, at most one of a model in an environment. Each is `beside` one deployment, by
-- its generation: once another is the current one, the row stands for nothing. `generation` is what servers know the
-- candidate's load by, `changed` the number of the last change of its shares, `ruled` that of the change which gave it its
-- rules. `served` is 0 once its rules took it back; `verdict` is what they came to, `watch` what was counted for them.
CREATE TABLE candidates (
    model_name TEXT NOT NULL,
    environment TEXT NOT NULL,
    beside BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    version BIGINT NOT NULL,
    pipeline_id TEXT NOT NULL,
    uri TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    metrics TEXT NOT NULL,
    weight BIGINT NOT NULL,
    shadow BIGINT NOT NULL,
    served BIGINT NOT NULL DEFAULT 1,
    since BIGINT NOT NULL,
    started_by TEXT NOT NULL,
    changed BIGINT NOT NULL,
    rules TEXT,
    ruled BIGINT NOT NULL,
    verdict TEXT,
    watch TEXT,
    PRIMARY KEY (model_name, environment)
);
CREATE INDEX candidates_of_pipeline ON candidates (pipeline_id);
-- Of a version that is to be tried, how; of a promotion, nothing.
ALTER TABLE approvals ADD COLUMN trial TEXT;
