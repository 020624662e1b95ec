-- One roll-out at a time of a model in an environment. `generation` is the change in hand, once its row is written: whoever
-- takes over a lock that ran out brings that change to its end. `pipeline_id` is the push that holds the lock, if one does:
-- the same pipeline may take it over at once under its next lease.
CREATE TABLE deployment_locks (
    model_name TEXT NOT NULL,
    environment TEXT NOT NULL,
    holder TEXT NOT NULL,
    pipeline_id TEXT,
    expires_at BIGINT NOT NULL,
    generation BIGINT REFERENCES deployment_history (generation),
    PRIMARY KEY (model_name, environment)
);

-- Few are ever cut off in the middle.
CREATE INDEX deployment_locks_unfinished ON deployment_locks (expires_at) WHERE generation IS NOT NULL;

-- Changes that were in hand when this was installed are brought to their end like any other.
INSERT INTO deployment_locks (model_name, environment, holder, expires_at, generation)
SELECT h.model_name, c.environment, c.holder, c.expires_at, c.generation
FROM environment_claims c JOIN deployment_history h ON h.generation = c.generation;

-- The table stays, for backends of the version before.
DELETE FROM environment_claims;
