-- Silences, and the events whose messages they held back: what has to be decided again when they end.

CREATE TABLE silences (
    id text PRIMARY KEY,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    reason text NOT NULL DEFAULT '',
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    matchers jsonb NOT NULL CHECK (matchers <> '{}'),
    expired_at timestamptz,
    expired_by text,
    CHECK (ends_at > starts_at)
);
COMMENT ON COLUMN silences.expired_at IS 'When somebody ended it before its time.';
CREATE INDEX silences_not_over ON silences (ends_at) WHERE expired_at IS NULL;

CREATE TABLE silenced_events (
    event_id uuid PRIMARY KEY,
    incident_id uuid NOT NULL,
    type text NOT NULL,
    at timestamptz NOT NULL,
    actor text,
    note text,
    step text NOT NULL,
    silences text[] NOT NULL,
    withheld boolean NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    settled_at timestamptz,
    outcome text CHECK (outcome IN ('sent', 'nobody', 'over'))
);
COMMENT ON COLUMN silenced_events.withheld IS 'Something would have been sent; without it the row only tells what happened meanwhile.';
COMMENT ON COLUMN silenced_events.settled_at IS 'When it was decided again, or found to be over; null while that is owed.';
CREATE INDEX silenced_events_incident ON silenced_events (incident_id);
CREATE INDEX silenced_events_owed ON silenced_events (incident_id) WHERE settled_at IS NULL AND withheld;
