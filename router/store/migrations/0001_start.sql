-- The tables of the first release. Rows of the hot path (events, decisions, deliveries, attempts) are
-- written together in one transaction and therefore carry no foreign keys, whose checks would double its cost.

CREATE TABLE versions (
    name text PRIMARY KEY,
    value bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE versions IS 'Counters that tell other processes that something they keep has changed.';
INSERT INTO versions (name) VALUES ('providers'), ('tokens');

CREATE TABLE tokens (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    source text NOT NULL,
    digest bytea NOT NULL UNIQUE,
    scopes text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);

CREATE TABLE sources (
    name text PRIMARY KEY,
    severity_map jsonb NOT NULL DEFAULT '{}',
    default_severity text NOT NULL DEFAULT 'SEV-3',
    per text NOT NULL DEFAULT 'group' CHECK (per IN ('group', 'alert'))
);

CREATE TABLE events (
    id uuid PRIMARY KEY,
    source text NOT NULL,
    key text,
    digest bytea NOT NULL,
    type text NOT NULL,
    at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    incident_id uuid,
    decision_id uuid NOT NULL,
    deliveries uuid[] NOT NULL DEFAULT '{}',
    body json NOT NULL
);
COMMENT ON COLUMN events.key IS 'The idempotency key; set to null when its seven days are over.';
CREATE UNIQUE INDEX events_key ON events (source, key) WHERE key IS NOT NULL;

CREATE TABLE incidents (
    id uuid PRIMARY KEY,
    source text NOT NULL,
    external_id text NOT NULL,
    display_id text NOT NULL UNIQUE,
    title text NOT NULL,
    severity text NOT NULL,
    status text NOT NULL,
    service text,
    description text,
    assignee text,
    url text,
    labels jsonb NOT NULL DEFAULT '{}',
    started_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    status_at timestamptz,
    acknowledged_at timestamptz,
    resolved_at timestamptz,
    closed_at timestamptz,
    created_seen boolean NOT NULL,
    UNIQUE (source, external_id)
) WITH (fillfactor = 80);
COMMENT ON COLUMN incidents.changed_at IS 'The time of the newest event that moved the state.';
COMMENT ON COLUMN incidents.status_at IS 'The time of the newest change of the status; null while it has its first.';
CREATE INDEX incidents_open ON incidents (started_at) WHERE status IN ('open', 'acknowledged');

CREATE TABLE counters (
    name text PRIMARY KEY,
    value bigint NOT NULL
);

CREATE TABLE timeline (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id uuid NOT NULL,
    event_type text NOT NULL,
    at timestamptz NOT NULL,
    actor text,
    source text NOT NULL,
    data jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX timeline_incident ON timeline (incident_id, seq);

CREATE TABLE rule_sets (
    hash text PRIMARY KEY,
    timezone text NOT NULL,
    sources jsonb NOT NULL,
    taken_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON COLUMN rule_sets.taken_at IS 'When it was last put into force; the newest serves while the files are bad.';

CREATE TABLE decisions (
    id uuid PRIMARY KEY,
    event_id uuid NOT NULL,
    rule_set text NOT NULL,
    facts json NOT NULL,
    outcome json NOT NULL
);

CREATE TABLE count_marks (
    count text NOT NULL,
    key text NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX count_marks_key ON count_marks (count, key, at);

CREATE TABLE deliveries (
    id uuid PRIMARY KEY,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    event_id uuid,
    incident_id uuid,
    provider text NOT NULL,
    channel text NOT NULL,
    mode text NOT NULL CHECK (mode IN ('post', 'edit', 'reply', 'edit_reply')),
    priority smallint NOT NULL CHECK (priority BETWEEN 0 AND 3),
    state text NOT NULL DEFAULT 'pending'
        CHECK (state IN ('pending', 'sending', 'retrying', 'sent', 'failed', 'suppressed', 'expired')),
    step text NOT NULL DEFAULT '',
    message json NOT NULL,
    routes text[] NOT NULL DEFAULT '{}',
    attempts integer NOT NULL DEFAULT 0,
    uncertain boolean NOT NULL DEFAULT false,
    not_before timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    tried_at timestamptz,
    lease_owner text,
    lease_until timestamptz,
    accepted_at timestamptz NOT NULL DEFAULT now(),
    sent_at timestamptz,
    reason text,
    detail text,
    message_id text,
    merged_into uuid,
    fallback_of uuid,
    fell_back boolean NOT NULL DEFAULT false
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
COMMENT ON COLUMN deliveries.priority IS '0 urgent, 1 new, 2 update, 3 low';
COMMENT ON COLUMN deliveries.tried_at IS 'The first try whose outcome is not known.';
COMMENT ON COLUMN deliveries.uncertain IS 'An earlier try may have arrived.';
CREATE INDEX deliveries_ready ON deliveries (provider, channel, priority, seq)
    WHERE state IN ('pending', 'retrying');
CREATE INDEX deliveries_stream ON deliveries (incident_id, provider, channel, seq)
    WHERE state IN ('pending', 'sending', 'retrying');
CREATE INDEX deliveries_leased ON deliveries (lease_until) WHERE state = 'sending';

CREATE TABLE streams (
    incident_id uuid NOT NULL,
    provider text NOT NULL,
    channel text NOT NULL,
    message_id text,
    steps text[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (incident_id, provider, channel)
) WITH (fillfactor = 80);
COMMENT ON COLUMN streams.steps IS 'The steps that the message lists; an edit keeps them.';
COMMENT ON TABLE streams IS 'Where an incident is announced, and the message there once it is.';

CREATE TABLE attempts (
    delivery_id uuid NOT NULL,
    number integer NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('sent', 'retry', 'failed', 'unknown')),
    reason text,
    detail text,
    message_id text,
    worker text NOT NULL,
    PRIMARY KEY (delivery_id, number)
);

CREATE TABLE providers (
    name text PRIMARY KEY,
    platform text NOT NULL,
    active boolean NOT NULL DEFAULT true,
    config jsonb NOT NULL,
    sealed bytea,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE audit (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    actor text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    outcome text NOT NULL,
    data jsonb NOT NULL DEFAULT '{}'
);

CREATE TABLE timers (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    due_at timestamptz NOT NULL,
    subject text NOT NULL,
    data jsonb NOT NULL DEFAULT '{}',
    UNIQUE (kind, subject)
);
CREATE INDEX timers_due ON timers (due_at);

CREATE TABLE sandbox_messages (
    id uuid PRIMARY KEY,
    provider text NOT NULL,
    channel text NOT NULL,
    nonce text NOT NULL,
    parent text,
    payload jsonb NOT NULL,
    posted_at timestamptz NOT NULL DEFAULT now(),
    edited_at timestamptz,
    UNIQUE (provider, channel, nonce)
);
CREATE INDEX sandbox_messages_channel ON sandbox_messages (provider, channel, id);
CREATE INDEX deliveries_urgent ON deliveries (accepted_at) 
    WHERE priority = 0 AND NOT fell_back AND state IN ('pending', 'sending', 'retrying', 'failed');
