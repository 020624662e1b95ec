-- What lists the unfinished by their ids says so by another word than what looks them up by their notebook. By the same word, each
-- of the two indices answered both, and PostgreSQL, while it takes a table to be empty, cannot tell which one reads less.
DROP INDEX pipelines_unfinished_by_id;
CREATE INDEX pipelines_unfinished_by_id ON pipelines (id) WHERE finished_at IS NULL;
