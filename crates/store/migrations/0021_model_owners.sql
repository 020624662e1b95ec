-- Whose name a model's is: the repository's that registered it first, until somebody hands it over.
CREATE TABLE model_owners (
    model_name TEXT NOT NULL PRIMARY KEY,
    repo TEXT NOT NULL,
    since BIGINT NOT NULL
);
INSERT INTO model_owners (model_name, repo, since)
SELECT v.model_name, p.repo, v.created_at FROM versions v JOIN pipelines p ON p.id = v.pipeline_id
WHERE v.version = (SELECT MIN(f.version) FROM versions f WHERE f.model_name = v.model_name);
