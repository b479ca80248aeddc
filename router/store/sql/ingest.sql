-- name: lock
-- One writer per incident, hashed into 1,024 locks, so that a batch cannot fill the lock table; two-part keys
-- are a space of their own beside the one-part keys of the ticker and the migrations.
SELECT pg_advisory_xact_lock(1, lock) FROM (
    SELECT DISTINCT hashtext(key) & 1023 AS lock FROM unnest(%(keys)s::text[]) AS key ORDER BY 1
) AS locks

-- name: earlier
SELECT source, key, digest, id::text, decision_id::text, deliveries::text[] AS deliveries
FROM events
WHERE (source, key) IN (SELECT * FROM unnest(%(sources)s::text[], %(keys)s::text[])) AND key IS NOT NULL

-- name: incidents
SELECT id::text, source, external_id, display_id, title, severity, status, service, description, assignee,
       url, labels, started_at, changed_at, status_at, status_by, acknowledged_at, resolved_at, closed_at,
       created_seen
FROM incidents
WHERE (source, external_id) IN (SELECT * FROM unnest(%(sources)s::text[], %(ids)s::text[]))

-- name: streams
SELECT s.incident_id::text, s.provider, s.channel
FROM streams s JOIN incidents i ON i.id = s.incident_id
WHERE (i.source, i.external_id) IN (SELECT * FROM unnest(%(sources)s::text[], %(ids)s::text[]))

-- name: taken
SELECT display_id FROM incidents WHERE display_id = ANY(%(wanted)s)

-- name: provider_version
SELECT value FROM versions WHERE name = 'providers'

-- name: reserve
INSERT INTO counters (name, value) VALUES (%(name)s, %(count)s)
ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value
RETURNING value

-- name: counts
SELECT wanted.at, (
    SELECT count(*) FROM count_marks m
    WHERE m.count = wanted.count AND m.key = wanted.key AND m.at > wanted.since AND m.at <= wanted.until
) AS value
FROM unnest(%(counts)s::text[], %(keys)s::text[], %(since)s::timestamptz[], %(until)s::timestamptz[])
     WITH ORDINALITY AS wanted (count, key, since, until, at)
ORDER BY wanted.at

-- name: write
WITH new_events AS (
    INSERT INTO events (id, source, key, digest, type, at, received_at, incident_id, decision_id, deliveries, body)
    SELECT id, source, key, decode(digest, 'hex'), type, at, received_at, incident_id, decision_id, deliveries, body
    FROM json_to_recordset(%(events)s::json) AS e (
        id uuid, source text, key text, digest text, type text, at timestamptz, received_at timestamptz,
        incident_id uuid, decision_id uuid, deliveries uuid[], body json)
), new_incidents AS (
    INSERT INTO incidents (id, source, external_id, display_id, title, severity, status, service, description,
        assignee, url, labels, started_at, changed_at, status_at, status_by, acknowledged_at, resolved_at, closed_at,
        created_seen)
    SELECT * FROM json_to_recordset(%(incidents)s::json) AS i (
        id uuid, source text, external_id text, display_id text, title text, severity text, status text,
        service text, description text, assignee text, url text, labels jsonb, started_at timestamptz,
        changed_at timestamptz, status_at timestamptz, status_by text, acknowledged_at timestamptz, resolved_at timestamptz, closed_at timestamptz,
        created_seen boolean)
    ON CONFLICT (source, external_id) DO UPDATE SET
        title = excluded.title, severity = excluded.severity, status = excluded.status,
        service = excluded.service, description = excluded.description, assignee = excluded.assignee,
        url = excluded.url, labels = excluded.labels, started_at = excluded.started_at,
        changed_at = excluded.changed_at, status_at = excluded.status_at, status_by = excluded.status_by,
        acknowledged_at = excluded.acknowledged_at,
        resolved_at = excluded.resolved_at, closed_at = excluded.closed_at,
        created_seen = excluded.created_seen
), new_timeline AS (
    INSERT INTO timeline (incident_id, event_type, at, actor, source, data)
    SELECT * FROM json_to_recordset(%(timeline)s::json) AS t (
        incident_id uuid, event_type text, at timestamptz, actor text, source text, data jsonb)
), new_decisions AS (
    INSERT INTO decisions (id, event_id, rule_set, facts, outcome)
    SELECT * FROM json_to_recordset(%(decisions)s::json) AS d (
        id uuid, event_id uuid, rule_set text, facts json, outcome json)
), new_streams AS (
    INSERT INTO streams (incident_id, provider, channel)
    SELECT * FROM json_to_recordset(%(streams)s::json) AS s (incident_id uuid, provider text, channel text)
    ON CONFLICT DO NOTHING
)
INSERT INTO deliveries (id, event_id, incident_id, provider, channel, mode, priority, step, message, routes,
    accepted_at, expires_at)
SELECT id, event_id, incident_id, provider, channel, mode, priority, step, message, routes, accepted_at, expires_at
FROM json_to_recordset(%(deliveries)s::json) AS d (
    id uuid, event_id uuid, incident_id uuid, provider text, channel text, mode text, priority smallint,
    step text, message json, routes text[], accepted_at timestamptz, expires_at timestamptz)

-- name: write_marks
INSERT INTO count_marks (count, key, at)
SELECT * FROM unnest(%(counts)s::text[], %(keys)s::text[], %(at)s::timestamptz[])

-- name: promote
-- An urgent message promotes its stream: what waits before it goes as early as it does, and expires no sooner.
UPDATE deliveries d SET priority = 0, expires_at = NULL
FROM unnest(%(incidents)s::uuid[], %(providers)s::text[], %(channels)s::text[]) AS s (incident_id, provider, channel)
WHERE d.incident_id = s.incident_id AND d.provider = s.provider AND d.channel = s.channel
  AND d.state IN ('pending', 'retrying') AND d.priority > 0

-- name: keep_rule_set
INSERT INTO rule_sets (hash, timezone, sources) VALUES (%(hash)s, %(timezone)s, %(sources)s)
ON CONFLICT (hash) DO UPDATE SET taken_at = now()

-- name: last_rule_set
SELECT sources FROM rule_sets ORDER BY taken_at DESC LIMIT 1
