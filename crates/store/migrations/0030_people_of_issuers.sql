-- Who signs in with an issuer: its address, and what it never gives to another person.
ALTER TABLE people ADD COLUMN subject TEXT;
CREATE UNIQUE INDEX people_by_subject ON people (subject) WHERE subject IS NOT NULL;
