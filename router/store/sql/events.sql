-- name: one
SELECT e.id::text AS event_id, e.source, e.key AS id, e.type, e.at AS time, e.received_at, i.display_id AS incident,
       e.decision_id::text, e.deliveries::text[] AS deliveries, e.body
FROM events e LEFT JOIN incidents i ON i.id = e.incident_id
WHERE e.id = %(uuid)s::uuid OR (e.source = %(source)s AND e.key = %(id)s)
ORDER BY e.id = %(uuid)s::uuid DESC NULLS LAST LIMIT 1

-- name: decision
SELECT d.id::text AS decision_id, d.event_id::text, d.rule_set, d.facts, d.outcome, r.timezone, r.sources
FROM decisions d LEFT JOIN rule_sets r ON r.hash = d.rule_set
WHERE d.id = %(id)s::uuid
