-- Promotions that wait for a second person, and what became of them. `replaces` is the generation of the deployment that each
-- would take the place of; 0: there is none.
CREATE TABLE approvals (
    id TEXT NOT NULL PRIMARY KEY,
    model_name TEXT NOT NULL,
    version BIGINT NOT NULL,
    from_environment TEXT NOT NULL,
    environment TEXT NOT NULL,
    replaces BIGINT NOT NULL,
    asked_by TEXT NOT NULL,
    asker TEXT NOT NULL,
    asked_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    state TEXT NOT NULL,
    decider TEXT,
    decided_at BIGINT,
    detail TEXT
);
CREATE UNIQUE INDEX approvals_waiting ON approvals (model_name, environment) WHERE state = 'waiting';
CREATE INDEX approvals_of_model ON approvals (model_name, id);
