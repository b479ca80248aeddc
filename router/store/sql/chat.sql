-- name: receive
-- A new row is leased at once to the process that took it, which answers without another look.
INSERT INTO inbox (id, provider, key, kind, input, reply, lease_until, attempts)
VALUES (%(id)s::uuid, %(provider)s, %(key)s, %(kind)s, %(input)s::json, %(reply)s, now() + make_interval(secs => %(lease)s), 1)
ON CONFLICT (provider, key) DO NOTHING
RETURNING id::text

-- name: claim
UPDATE inbox SET lease_until = now() + make_interval(secs => %(lease)s), attempts = attempts + 1
WHERE id IN (
    SELECT id FROM inbox
    WHERE state IN ('received', 'handled') AND not_before <= now() AND (lease_until IS NULL OR lease_until < now())
    ORDER BY received_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
RETURNING id::text, provider, kind, input, reply, received_at, state, attempts, answer, command, outcome

-- name: handled
UPDATE inbox SET state = 'handled', command = %(command)s, outcome = %(outcome)s, answer = %(answer)s::json,
    detail = %(detail)s, handled_at = now()
WHERE id = %(id)s::uuid AND state = 'received'
RETURNING id

-- name: answered
UPDATE inbox SET state = 'answered', answered_at = now(), lease_until = NULL, reply = ''
WHERE id = %(id)s::uuid AND state IN ('received', 'handled')

-- name: again
UPDATE inbox SET lease_until = NULL, not_before = now() + make_interval(secs => %(wait)s), detail = %(detail)s
WHERE id = %(id)s::uuid AND state IN ('received', 'handled')

-- name: unanswered
UPDATE inbox SET state = 'failed', detail = %(detail)s, lease_until = NULL, reply = ''
WHERE id = %(id)s::uuid AND state IN ('received', 'handled')

-- name: one
SELECT id::text, provider, key, kind, state, command, outcome, answer, detail, received_at, handled_at, answered_at
FROM inbox WHERE provider = %(provider)s AND key = %(key)s

-- name: ask
INSERT INTO questions (id, provider, workspace, user_id, call, slot, expires_at)
VALUES (%(id)s::uuid, %(provider)s, %(workspace)s, %(user)s, %(call)s::json, %(slot)s, now() + make_interval(secs => %(seconds)s))
ON CONFLICT (id) DO NOTHING

-- name: take_question
-- Once, by the one who was asked; the same input again takes it again.
UPDATE questions SET answered_by = %(inbox)s::uuid
WHERE id = %(id)s::uuid AND workspace = %(workspace)s AND user_id = %(user)s
  AND ((answered_by IS NULL AND expires_at > now()) OR answered_by = %(inbox)s::uuid)
RETURNING call, slot

-- name: question
SELECT workspace, user_id, answered_by IS NOT NULL AS answered, expires_at <= now() AS expired
FROM questions WHERE id = %(id)s::uuid

-- name: incident_of_message
SELECT i.display_id FROM streams s JOIN incidents i ON i.id = s.incident_id
WHERE s.provider = %(provider)s AND s.channel = %(channel)s AND s.message_id = ANY(%(messages)s)
UNION
SELECT i.display_id FROM war_rooms r JOIN incidents i ON i.id = r.incident_id
WHERE r.provider = %(provider)s AND r.channel = ANY(%(rooms)s)
LIMIT 2

-- name: begun
-- Ids sort by time, so this reads the newest events only.
SELECT i.display_id FROM events e JOIN incidents i ON i.id = e.incident_id
WHERE e.id >= %(since)s::uuid AND e.key = %(key)s

-- name: open_in_channel
SELECT i.display_id FROM streams s JOIN incidents i ON i.id = s.incident_id
WHERE s.provider = %(provider)s AND s.channel = %(channel)s AND i.status = ANY(%(statuses)s)
ORDER BY i.started_at DESC LIMIT 2

-- name: candidates
SELECT i.display_id, i.title, i.severity, i.status,
       EXISTS (SELECT FROM streams s WHERE s.incident_id = i.id AND s.provider = %(provider)s AND s.channel = %(channel)s) AS here
FROM incidents i WHERE i.status = ANY(%(statuses)s)
ORDER BY here DESC, i.started_at DESC LIMIT 25

-- name: why
SELECT d.id::text AS delivery_id, e.decision_id::text, d.routes, d.step, d.accepted_at, d.state, d.detail
FROM deliveries d LEFT JOIN events e ON e.id = d.event_id
WHERE d.incident_id = %(incident)s::uuid AND d.provider = %(provider)s AND d.channel = %(channel)s
ORDER BY d.seq DESC LIMIT 5

-- name: vote
INSERT INTO feedback (provider, message_id, workspace, user_id, channel, vote, at)
VALUES (%(provider)s, %(message)s, %(workspace)s, %(user)s, %(channel)s, %(vote)s, %(at)s)
ON CONFLICT (provider, message_id, workspace, user_id) DO UPDATE SET vote = excluded.vote, at = excluded.at
WHERE feedback.at <= excluded.at

-- name: tell
WITH new_events AS (
    INSERT INTO events (id, source, key, digest, type, at, received_at, incident_id, decision_id, deliveries, body)
    SELECT %(event)s::uuid, 'chatops', %(key)s, ''::bytea, %(type)s, %(at)s, %(at)s, %(incident)s::uuid, %(decision)s::uuid,
        %(deliveries)s::uuid[], %(body)s::json
    ON CONFLICT (source, key) WHERE key IS NOT NULL DO NOTHING
    RETURNING id
)
INSERT INTO decisions (id, event_id, rule_set, facts, outcome)
SELECT %(decision)s::uuid, id, %(rule_set)s, %(facts)s::json, %(outcome)s::json FROM new_events
RETURNING id

-- name: forget
DELETE FROM inbox WHERE received_at < now() - interval '7 days' AND state IN ('answered', 'failed')

-- name: forget_questions
DELETE FROM questions WHERE expires_at < now() - interval '1 day'

-- name: registered
SELECT provider, digest, done FROM registrations

-- name: register
-- Taken by one process for a while; one that dies is followed by another.
INSERT INTO registrations (provider, digest, not_before, attempts)
VALUES (%(provider)s, %(digest)s, now() + make_interval(secs => %(lease)s), 1)
ON CONFLICT (provider) DO UPDATE SET digest = excluded.digest, not_before = excluded.not_before, done = false,
    attempts = CASE WHEN registrations.digest = excluded.digest THEN registrations.attempts + 1 ELSE 1 END
WHERE registrations.digest <> excluded.digest OR (NOT registrations.done AND registrations.not_before <= now())
RETURNING attempts

-- name: registration_done
UPDATE registrations SET done = true, detail = NULL WHERE provider = %(provider)s AND digest = %(digest)s

-- name: registration_failed
UPDATE registrations SET detail = %(detail)s, not_before = now() + make_interval(secs => %(wait)s)
WHERE provider = %(provider)s AND digest = %(digest)s
