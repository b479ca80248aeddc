-- name: active
-- One JSON text: a batch reads it with every commit, and decoding it costs less than rows would.
SELECT coalesce(json_agg(json_build_object('id', id, 'created_by', created_by, 'created_at', created_at,
    'reason', reason, 'starts_at', starts_at, 'ends_at', ends_at, 'matchers', matchers)), '[]')::text AS silences
FROM silences
WHERE expired_at IS NULL AND ends_at > now() AND starts_at <= now() + interval '1 minute'

-- name: add
INSERT INTO silences (id, created_by, created_at, reason, starts_at, ends_at, matchers)
VALUES (%(id)s, %(created_by)s, %(created_at)s, %(reason)s, %(starts_at)s, %(ends_at)s, %(matchers)s::jsonb)
ON CONFLICT (id) DO NOTHING
RETURNING id

-- name: one
SELECT id, created_by, created_at, reason, starts_at, ends_at, matchers, expired_at, expired_by
FROM silences WHERE id = %(id)s

-- name: list
SELECT s.id, s.created_by, s.created_at, s.reason, s.starts_at, s.ends_at, s.matchers, s.expired_at, s.expired_by
FROM silences s
WHERE %(all)s OR (s.expired_at IS NULL AND s.ends_at > %(now)s)
ORDER BY s.starts_at DESC, s.id DESC LIMIT %(limit)s

-- name: not_over
SELECT count(*) AS number FROM silences WHERE expired_at IS NULL AND ends_at > %(now)s

-- name: expire
UPDATE silences SET expired_at = %(now)s, expired_by = %(actor)s
WHERE id = %(id)s AND expired_at IS NULL AND ends_at > %(now)s
RETURNING id

-- name: maintenance
-- Those of windows that are not over, of a prefix of their own.
SELECT id, created_by, created_at, reason, starts_at, ends_at, matchers, expired_at, expired_by
FROM silences WHERE starts_with(id, %(prefix)s) AND expired_at IS NULL AND ends_at > %(now)s
FOR UPDATE

-- name: keep_maintenance
INSERT INTO silences (id, created_by, created_at, reason, starts_at, ends_at, matchers)
VALUES (%(id)s, %(created_by)s, %(created_at)s, %(reason)s, %(starts_at)s, %(ends_at)s, %(matchers)s::jsonb)
ON CONFLICT (id) DO UPDATE SET ends_at = excluded.ends_at, matchers = excluded.matchers, reason = excluded.reason,
    expired_at = NULL, expired_by = NULL
-- What a person ended stays ended; what ended because its window was gone comes back with it.
WHERE (silences.expired_by IS NULL OR silences.expired_by = excluded.created_by)
  AND (silences.ends_at, silences.matchers, silences.reason, silences.expired_at)
      IS DISTINCT FROM (excluded.ends_at, excluded.matchers, excluded.reason, NULL)
RETURNING id

-- name: hold_back
WITH held AS (
    INSERT INTO silenced_events (event_id, incident_id, type, at, actor, note, step, silences, withheld)
    SELECT * FROM json_to_recordset(%(events)s::json) AS e (
        event_id uuid, incident_id uuid, type text, at timestamptz, actor text, note text, step text,
        silences text[], withheld boolean)
)
INSERT INTO deliveries (id, event_id, incident_id, provider, channel, mode, priority, state, step, message, routes,
    accepted_at, reason, detail)
SELECT id, event_id, incident_id, provider, channel, mode, priority, 'suppressed', step, message, routes,
    accepted_at, 'silenced', detail
FROM json_to_recordset(%(deliveries)s::json) AS d (
    id uuid, event_id uuid, incident_id uuid, provider text, channel text, mode text, priority smallint,
    step text, message json, routes text[], accepted_at timestamptz, detail text)

-- name: reopened
-- What was over when its silence ended was sent to nobody; as it goes on, it is owed again.
UPDATE silenced_events SET settled_at = NULL, outcome = NULL
WHERE incident_id = ANY(%(incidents)s::uuid[]) AND outcome = 'over'

-- name: due
-- The worst first, of those the longest held back.
SELECT i.id::text AS incident_id, i.source, i.external_id
FROM (
    SELECT incident_id, min(recorded_at) AS since FROM silenced_events
    WHERE settled_at IS NULL AND withheld AND NOT silences && (
        SELECT coalesce(array_agg(s.id), '{}') FROM silences s
        WHERE s.expired_at IS NULL AND s.starts_at <= %(now)s AND s.ends_at > %(now)s)
    GROUP BY incident_id) AS owed
JOIN incidents i ON i.id = owed.incident_id
ORDER BY i.severity, owed.since
LIMIT %(limit)s

-- name: held
SELECT event_id::text, type, at, actor, note, step, silences, withheld
FROM silenced_events WHERE incident_id = %(incident)s::uuid AND settled_at IS NULL
ORDER BY recorded_at, at
FOR UPDATE

-- name: streams
-- With whether a message stands there, or is on its way: where neither is, an edit would post.
SELECT s.provider, s.channel, (s.message_id IS NOT NULL OR EXISTS (
    SELECT FROM deliveries d
    WHERE d.incident_id = s.incident_id AND d.provider = s.provider AND d.channel = s.channel
      AND d.state IN ('pending', 'sending', 'retrying'))) AS there
FROM streams s WHERE s.incident_id = %(incident)s::uuid

-- name: named
SELECT id, created_by, created_at, reason, starts_at, ends_at, matchers, expired_at, expired_by
FROM silences WHERE id = ANY(%(ids)s) ORDER BY coalesce(expired_at, ends_at)

-- name: pass_on
UPDATE silenced_events SET silences = %(silences)s WHERE event_id = ANY(%(events)s::uuid[])

-- name: settle
UPDATE silenced_events SET settled_at = %(now)s, outcome = %(outcome)s WHERE event_id = ANY(%(events)s::uuid[])

-- name: write_again
WITH decided AS (
    INSERT INTO decisions (id, event_id, rule_set, facts, outcome)
    SELECT * FROM json_to_recordset(%(decisions)s::json) AS d (
        id uuid, event_id uuid, rule_set text, facts json, outcome json)
), announced AS (
    INSERT INTO streams (incident_id, provider, channel)
    SELECT * FROM json_to_recordset(%(streams)s::json) AS s (incident_id uuid, provider text, channel text)
    ON CONFLICT DO NOTHING
)
INSERT INTO timeline (incident_id, event_type, at, actor, source, data)
VALUES (%(incident)s::uuid, 'silence.ended', %(now)s, NULL, 'im', %(data)s::jsonb)

-- name: forget
DELETE FROM silenced_events
WHERE recorded_at < now() - interval '62 days' AND (settled_at IS NOT NULL OR NOT withheld)

-- name: streams_of
-- Of a batch's incidents. Whether something is on its way is asked only where no message stands.
SELECT s.incident_id::text, s.provider, s.channel, (s.message_id IS NOT NULL OR EXISTS (
    SELECT FROM deliveries d
    WHERE d.incident_id = s.incident_id AND d.provider = s.provider AND d.channel = s.channel
      AND d.state IN ('pending', 'sending', 'retrying'))) AS there
FROM streams s JOIN incidents i ON i.id = s.incident_id
WHERE (i.source, i.external_id) IN (SELECT * FROM unnest(%(sources)s::text[], %(ids)s::text[]))
