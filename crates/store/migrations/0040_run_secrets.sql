-- What notebooks of a repository ask for by name. `sealed` opens by the keys of SECRETS_KEY alone; so does, from now on, the
-- secret in a row of webhook_secrets that a mlsys with such a key has written.
CREATE TABLE run_secrets (
    repo TEXT NOT NULL,
    name TEXT NOT NULL,
    sealed TEXT NOT NULL,
    set_by TEXT NOT NULL,
    set_at BIGINT NOT NULL,
    PRIMARY KEY (repo, name)
);
