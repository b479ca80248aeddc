-- name: sources
SELECT name, callback, callback_url, sealed, version FROM sources WHERE callback IS NOT NULL ORDER BY name

-- name: newest
-- The newest call of each incident: what its messages say about its source.
SELECT DISTINCT ON (incident_id) incident_id::text, id::text, provider, message ->> 'event' AS event, state, reason
FROM deliveries WHERE mode = 'call' AND incident_id = ANY(%(incidents)s::uuid[])
ORDER BY incident_id, seq DESC

-- name: of_incident
SELECT id::text, provider, message ->> 'event' AS event, state, reason, detail, attempts, accepted_at, sent_at
FROM deliveries WHERE mode = 'call' AND incident_id = %(id)s::uuid
ORDER BY seq

-- name: confirm
-- The source itself said what it was to be told: telling it is no longer needed. What is being sent meanwhile ends
-- as it ends.
UPDATE deliveries d SET state = 'suppressed', reason = 'confirmed', detail = 'the source said so itself'
FROM unnest(%(incidents)s::uuid[], %(events)s::text[]) AS said (incident_id, event)
WHERE d.mode = 'call' AND d.incident_id = said.incident_id AND d.message ->> 'event' = said.event
  AND d.state IN ('pending', 'retrying', 'failed', 'expired')

-- name: untold
SELECT id::text, incident_id::text FROM deliveries
WHERE mode = 'call' AND state IN ('sent', 'failed', 'expired', 'suppressed') AND told IS DISTINCT FROM state
ORDER BY seq LIMIT 200
FOR UPDATE SKIP LOCKED

-- name: told
UPDATE deliveries SET told = state WHERE id = ANY(%(ids)s::uuid[])

-- name: announcements
-- Where the incidents are announced, each with the newest message for that place: by primary keys, from the
-- incident's last entries to their events to their deliveries.
SELECT s.incident_id::text, s.provider, s.channel, newest.event_id::text, newest.message::text
FROM streams s JOIN providers p ON p.name = s.provider AND p.active, LATERAL (
    SELECT d.event_id, d.message
    FROM (SELECT t.data ->> 'event_id' AS event_id FROM timeline t
          WHERE t.incident_id = s.incident_id ORDER BY t.seq DESC LIMIT 50) AS entry
    JOIN events e ON e.id = entry.event_id::uuid
    CROSS JOIN LATERAL unnest(e.deliveries) AS placed (id)
    JOIN deliveries d ON d.id = placed.id
    WHERE d.provider = s.provider AND d.channel = s.channel AND d.mode IN ('post', 'edit', 'edit_reply')
      AND d.state <> 'suppressed'
    ORDER BY d.seq DESC LIMIT 1
) AS newest
WHERE s.incident_id = ANY(%(incidents)s::uuid[])
ORDER BY s.incident_id, s.provider, s.channel

-- name: incidents
SELECT id::text, source, external_id, display_id, title, severity, status, service, description, assignee,
       url, labels, started_at, changed_at, status_at, status_by, acknowledged_at, resolved_at, closed_at, created_seen
FROM incidents WHERE id = ANY(%(ids)s::uuid[])

-- name: one
SELECT name, callback, callback_url, sealed, version FROM sources WHERE name = %(name)s FOR UPDATE

-- name: put
WITH moved AS (UPDATE versions SET value = value + 1 WHERE name = 'providers' RETURNING value)
UPDATE sources SET callback = %(callback)s, callback_url = %(callback_url)s, sealed = %(sealed)s, version = moved.value
FROM moved WHERE sources.name = %(name)s

-- name: lock_all
SELECT name, sealed FROM sources WHERE sealed IS NOT NULL ORDER BY name FOR UPDATE

-- name: reseal
WITH moved AS (UPDATE versions SET value = value + 1 WHERE name = 'providers' RETURNING value)
UPDATE sources SET sealed = %(sealed)s, version = moved.value FROM moved WHERE sources.name = %(name)s
