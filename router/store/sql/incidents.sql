-- name: by_display
SELECT id::text, source, external_id, display_id, title, severity, status, service, description, assignee,
       url, labels, started_at, changed_at, status_at, status_by, acknowledged_at, resolved_at,
       closed_at, created_seen
FROM incidents WHERE display_id = upper(%(id)s)

-- name: by_external
SELECT id::text, source, external_id, display_id, title, severity, status, service, description, assignee,
       url, labels, started_at, changed_at, status_at, status_by, acknowledged_at, resolved_at,
       closed_at, created_seen
FROM incidents WHERE source = %(source)s AND external_id = %(id)s

-- name: list
SELECT display_id AS id, external_id, source, title, severity, status, service, assignee, url, labels, started_at,
       changed_at, acknowledged_at, resolved_at, closed_at
FROM incidents
WHERE (%(status)s::text IS NULL OR status = ANY(string_to_array(%(status)s, ',')))
  AND (%(severity)s::text IS NULL OR severity = %(severity)s)
  AND (%(service)s::text IS NULL OR service = %(service)s)
ORDER BY started_at DESC LIMIT %(limit)s

-- name: announced
SELECT provider, channel, message_id FROM streams WHERE incident_id = %(id)s::uuid ORDER BY provider, channel

-- name: timeline
SELECT i.display_id AS incident, t.event_type, t.at AS timestamp, t.actor, t.source, t.data
FROM timeline t JOIN incidents i ON i.id = t.incident_id
WHERE (%(incident)s::text IS NULL OR i.display_id = upper(%(incident)s))
  AND (%(prefix)s::text IS NULL OR t.event_type LIKE %(prefix)s || '.%%' OR t.source = %(prefix)s
       OR t.source LIKE %(prefix)s || ':%%')
ORDER BY t.seq DESC LIMIT %(limit)s
