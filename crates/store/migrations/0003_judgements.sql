-- What the gates decided and what they compared with, as JSON; from the deploy phase on.
ALTER TABLE pipelines ADD COLUMN judgement TEXT;
