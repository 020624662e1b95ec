-- Which tables and files the notebooks of a repository may reach (`place`: a dataset or a bucket), and what a pipeline's notebook
-- read: JSON, a list of queries.
CREATE TABLE data_access (
    repo TEXT NOT NULL,
    place TEXT NOT NULL,
    access TEXT NOT NULL,
    set_by TEXT NOT NULL,
    set_at BIGINT NOT NULL,
    PRIMARY KEY (repo, place)
);

ALTER TABLE pipelines ADD COLUMN reads TEXT;
