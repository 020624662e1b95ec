-- What each repository's deliveries are signed with. A repository without a secret of its own has GITHUB_WEBHOOK_SECRET, and
-- so does one whose first own secret is new: the empty secret stands for that one until it expires.
CREATE TABLE webhook_secrets (
    repo TEXT NOT NULL,
    secret TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- When it ceases to be valid; the one in force never does.
    expires_at BIGINT,
    PRIMARY KEY (repo, secret)
);
