-- Accounts, and the people in chat who are them.

CREATE TABLE accounts (
    name text PRIMARY KEY,
    role text NOT NULL CHECK (role IN ('viewer', 'responder', 'commander', 'admin')),
    email text,
    timezone text,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN accounts.name IS 'What incidents hold as their assignee.';
CREATE UNIQUE INDEX accounts_email ON accounts (lower(email));

CREATE TABLE links (
    platform text NOT NULL,
    workspace text NOT NULL,
    user_id text NOT NULL,
    account text NOT NULL REFERENCES accounts (name) ON DELETE CASCADE,
    how text NOT NULL CHECK (how IN ('admin', 'code', 'email')),
    display text NOT NULL DEFAULT '',
    active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (platform, workspace, user_id)
);
COMMENT ON COLUMN links.display IS 'What the person was called there when last seen.';
COMMENT ON COLUMN links.active IS 'False: an admin has undone the link, and the e-mail does not make it again.';
CREATE INDEX links_account ON links (account);

CREATE TABLE link_codes (
    digest bytea PRIMARY KEY,
    platform text NOT NULL,
    workspace text NOT NULL,
    user_id text NOT NULL,
    display text NOT NULL DEFAULT '',
    expires_at timestamptz NOT NULL
);
COMMENT ON TABLE link_codes IS 'Codes that were told to a person in chat and are still good; using one deletes it.';
CREATE INDEX link_codes_person ON link_codes (platform, workspace, user_id);

CREATE TABLE link_tries (
    platform text NOT NULL,
    workspace text NOT NULL,
    user_id text NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE link_tries IS 'Wrong codes that a person typed within the last hour.';
CREATE INDEX link_tries_person ON link_tries (platform, workspace, user_id, at);
CREATE INDEX link_tries_at ON link_tries (at);
