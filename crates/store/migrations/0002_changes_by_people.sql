-- Why a deployment was made: 'push', 'promotion', 'rollback', 'revert'. Its end is told by `ended_by`: 'replaced',
-- 'rolled_back', or 'reverted' where it could not be made to serve.
ALTER TABLE deployment_history ADD COLUMN cause TEXT NOT NULL DEFAULT 'push';
CREATE INDEX deployment_history_by_model ON deployment_history (model_name, generation);

-- A person changes one thing at a time in an environment. `generation` is the change in hand, once it is made here:
-- whoever takes over a claim that ran out brings that change to its end.
CREATE TABLE environment_claims (
    environment TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    generation BIGINT REFERENCES deployment_history (generation)
);

CREATE INDEX pipelines_finished ON pipelines (finished_at) WHERE finished_at IS NOT NULL;
