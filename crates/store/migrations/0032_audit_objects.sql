-- What an entry of the audit log is about: of whom it is told, whose rights are for one repository or model. Entries of before
-- are told of those alone whose rights are for everything.
ALTER TABLE audit ADD COLUMN repo TEXT;
ALTER TABLE audit ADD COLUMN model_name TEXT;
CREATE INDEX audit_by_repo ON audit (repo, id) WHERE repo IS NOT NULL;
CREATE INDEX audit_by_model ON audit (model_name, id) WHERE model_name IS NOT NULL;
