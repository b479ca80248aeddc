-- What comes in from chat: the inbox, questions that wait for an answer, war rooms, feedback.

ALTER TABLE incidents ADD COLUMN status_by text;
COMMENT ON COLUMN incidents.status_by IS 'Who made the newest change of the status.';

CREATE TABLE inbox (
    id uuid PRIMARY KEY,
    provider text NOT NULL,
    key text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('command', 'action', 'form', 'mention', 'reaction')),
    input json NOT NULL,
    reply bytea NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    state text NOT NULL DEFAULT 'received' CHECK (state IN ('received', 'handled', 'answered', 'failed')),
    lease_until timestamptz,
    not_before timestamptz NOT NULL DEFAULT now(),
    attempts integer NOT NULL DEFAULT 0,
    command text,
    outcome text,
    answer json,
    detail text,
    handled_at timestamptz,
    answered_at timestamptz,
    UNIQUE (provider, key)
);
COMMENT ON TABLE inbox IS 'Verified chat input, kept before it is acknowledged; unique on the platform''s own id.';
COMMENT ON COLUMN inbox.reply IS 'Sealed: what it takes to answer.';
COMMENT ON COLUMN inbox.answer IS 'What is to be said; it is said again when a process dies on the way.';
CREATE INDEX inbox_waiting ON inbox (received_at) WHERE state IN ('received', 'handled');

CREATE TABLE questions (
    id uuid PRIMARY KEY,
    provider text NOT NULL,
    workspace text NOT NULL,
    user_id text NOT NULL,
    call json NOT NULL,
    slot text NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    answered_by uuid
);
COMMENT ON TABLE questions IS 'What the bot asked somebody: a yes or no, or what a command still lacks.';
COMMENT ON COLUMN questions.slot IS 'What is asked for: `confirm`, or the argument that is missing.';
COMMENT ON COLUMN questions.answered_by IS 'The inbox row that answered it; the same row again is the same answer.';

CREATE TABLE war_rooms (
    incident_id uuid NOT NULL,
    provider text NOT NULL,
    state text NOT NULL DEFAULT 'wanted' CHECK (state IN ('wanted', 'open', 'closing', 'closed', 'failed')),
    name text NOT NULL,
    number integer NOT NULL DEFAULT 1,
    channel text,
    url text,
    guests text[] NOT NULL DEFAULT '{}',
    not_before timestamptz NOT NULL DEFAULT now(),
    lease_until timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    detail text,
    PRIMARY KEY (incident_id, provider)
);
COMMENT ON COLUMN war_rooms.number IS 'Of an incident that was reopened: what is archived cannot always be brought back.';
COMMENT ON COLUMN war_rooms.guests IS 'Platform users who are to be invited and are not yet.';
CREATE INDEX war_rooms_due ON war_rooms (not_before) WHERE state IN ('wanted', 'closing') OR guests <> '{}';
CREATE INDEX war_rooms_channel ON war_rooms (provider, channel);

CREATE TABLE feedback (
    provider text NOT NULL,
    message_id text NOT NULL,
    workspace text NOT NULL,
    user_id text NOT NULL,
    channel text NOT NULL,
    vote smallint NOT NULL CHECK (vote IN (-1, 1)),
    at timestamptz NOT NULL,
    PRIMARY KEY (provider, message_id, workspace, user_id)
);

CREATE TABLE registrations (
    provider text PRIMARY KEY,
    digest text NOT NULL,
    done boolean NOT NULL DEFAULT false,
    not_before timestamptz NOT NULL DEFAULT now(),
    attempts integer NOT NULL DEFAULT 0,
    detail text
);
COMMENT ON TABLE registrations IS 'Which commands a platform was told, where it wants to be told (Discord).';
COMMENT ON COLUMN registrations.digest IS 'Of the commands and of the provider''s version.';
