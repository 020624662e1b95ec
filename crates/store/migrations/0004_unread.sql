-- Nobody reads what a delivery's body hashed to. A backend of the version before still writes it, until it is replaced: so the
-- column stays, and may be empty.
ALTER TABLE deliveries DROP COLUMN body_sha256;
ALTER TABLE deliveries ADD COLUMN body_sha256 TEXT;
