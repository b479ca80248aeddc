-- What the shipped commands are configured with, the workflows they started, and the pictures they drew.

CREATE TABLE command_settings (
    name text PRIMARY KEY,
    config jsonb NOT NULL,
    sealed bytea NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now(),
    changed_by text NOT NULL
);
COMMENT ON COLUMN command_settings.sealed IS 'Its secrets.';

CREATE TABLE dispatches (
    id uuid PRIMARY KEY,
    state text NOT NULL DEFAULT 'wanted'
        CHECK (state IN ('wanted', 'sending', 'sent', 'uncertain', 'running', 'done', 'failed')),
    repository text NOT NULL,
    event_type text NOT NULL,
    payload jsonb NOT NULL,
    provider text NOT NULL,
    channel text NOT NULL,
    thread text,
    said text NOT NULL,
    wanted_at timestamptz NOT NULL DEFAULT now(),
    sent_at timestamptz,
    run_id bigint,
    run_url text,
    outcome text,
    not_before timestamptz NOT NULL DEFAULT now(),
    lease_until timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    UNIQUE (repository, run_id)
);
COMMENT ON TABLE dispatches IS 'Workflows that people start from chat, from the wish to the report of how they ended.';
COMMENT ON COLUMN dispatches.id IS 'The inbox row that asked for it: doing that again is the same dispatch.';
COMMENT ON COLUMN dispatches.state IS 'sending: the request may have left; a process that dies then leaves it uncertain, and it is not sent again.';
COMMENT ON COLUMN dispatches.sent_at IS 'By the clock of GitHub, as the times of runs are.';
COMMENT ON COLUMN dispatches.attempts IS 'Since the last change of the state.';
CREATE INDEX dispatches_due ON dispatches (not_before) WHERE state NOT IN ('done', 'failed');

CREATE TABLE pictures (
    id text PRIMARY KEY,
    png bytea NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
COMMENT ON COLUMN pictures.id IS 'Not to be guessed: whoever knows it may see the picture, as chat platforms fetch it without a token.';
CREATE INDEX pictures_expire ON pictures (expires_at);
