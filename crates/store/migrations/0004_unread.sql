-- Nobody reads what a delivery's body hashed to.
ALTER TABLE deliveries DROP COLUMN body_sha256;
