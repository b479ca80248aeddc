-- name: ready
-- The channels that have something to claim, by a loose scan of the index: one probe for each channel.
WITH RECURSIVE channel AS (
    (SELECT provider, channel FROM deliveries WHERE state IN ('pending', 'retrying')
     ORDER BY provider, channel LIMIT 1)
    UNION ALL
    SELECT next.provider, next.channel
    FROM channel, LATERAL (
        SELECT d.provider, d.channel FROM deliveries d
        WHERE d.state IN ('pending', 'retrying') AND (d.provider, d.channel) > (channel.provider, channel.channel)
        ORDER BY d.provider, d.channel LIMIT 1) AS next
)
SELECT c.provider, c.channel, due.priority, due.waiting
FROM channel c, LATERAL (
    SELECT min(priority) AS priority, count(*) AS waiting FROM (
        SELECT d.priority FROM deliveries d
        WHERE d.provider = c.provider AND d.channel = c.channel AND d.state IN ('pending', 'retrying')
          AND d.not_before <= now()
          AND (d.incident_id IS NULL OR NOT EXISTS (
              SELECT FROM deliveries e
              WHERE e.incident_id = d.incident_id AND e.provider = d.provider AND e.channel = d.channel
                AND e.state IN ('pending', 'sending', 'retrying') AND e.seq < d.seq))
        ORDER BY d.priority, d.seq LIMIT 32) AS first
) AS due
WHERE due.waiting > 0
ORDER BY due.priority

-- name: claim
-- Heads of streams that are due, at most `most` for each channel, urgent first (or the longest waiting first),
-- together with what waits behind each in its stream: those are merged into one message.
WITH wanted AS (
    SELECT * FROM unnest(%(providers)s::text[], %(channels)s::text[], %(most)s::int[], %(oldest)s::bool[])
        AS wanted (provider, channel, most, oldest)
), heads AS (
    SELECT picked.* FROM wanted, LATERAL (
        SELECT d.id, d.incident_id, d.provider, d.channel, d.seq, d.uncertain FROM deliveries d
        WHERE d.provider = wanted.provider AND d.channel = wanted.channel
          AND d.state IN ('pending', 'retrying') AND d.not_before <= now()
          AND (d.incident_id IS NULL OR NOT EXISTS (
              SELECT FROM deliveries e
              WHERE e.incident_id = d.incident_id AND e.provider = d.provider AND e.channel = d.channel
                AND e.state IN ('pending', 'sending', 'retrying') AND e.seq < d.seq))
        ORDER BY d.priority, d.seq
        LIMIT wanted.most
        FOR UPDATE SKIP LOCKED
    ) AS picked
    WHERE NOT wanted.oldest
    UNION
    SELECT picked.* FROM wanted, LATERAL (
        SELECT d.id, d.incident_id, d.provider, d.channel, d.seq, d.uncertain FROM deliveries d
        WHERE d.provider = wanted.provider AND d.channel = wanted.channel
          AND d.state IN ('pending', 'retrying') AND d.not_before <= now()
          AND (d.incident_id IS NULL OR NOT EXISTS (
              SELECT FROM deliveries e
              WHERE e.incident_id = d.incident_id AND e.provider = d.provider AND e.channel = d.channel
                AND e.state IN ('pending', 'sending', 'retrying') AND e.seq < d.seq))
        ORDER BY d.seq
        LIMIT wanted.most
        FOR UPDATE SKIP LOCKED
    ) AS picked
    WHERE wanted.oldest
), behind AS (
    -- A subquery that locks is run for each head by itself, on the stream's index.
    SELECT f.id, h.id AS head
    FROM heads h, LATERAL (
        SELECT d.id FROM deliveries d
        WHERE d.incident_id = h.incident_id AND d.provider = h.provider AND d.channel = h.channel AND d.seq > h.seq
          AND d.state IN ('pending', 'sending', 'retrying') AND d.state <> 'sending'
          -- A source is told of each act by itself.
          AND d.mode <> 'call'
          -- What may have arrived is tried again as the same message: with all that was in it and nothing more.
          AND (NOT h.uncertain OR (d.uncertain AND d.merged_into = h.id))
        FOR UPDATE SKIP LOCKED
    ) AS f
), taken AS (
    SELECT id, id AS head FROM heads UNION ALL SELECT id, head FROM behind
)
UPDATE deliveries d SET state = 'sending', attempts = d.attempts + 1, tried_at = coalesce(d.tried_at, now()),
    merged_into = nullif(taken.head, d.id), lease_owner = %(owner)s,
    lease_until = now() + make_interval(secs => coalesce((%(leases)s::jsonb ->> d.provider)::float8, 60))
FROM taken
WHERE d.id = taken.id
RETURNING d.id::text, taken.head::text, d.seq, d.incident_id::text, d.provider, d.channel, d.mode, d.priority,
    d.step, d.message::text, d.attempts, d.uncertain, d.tried_at, d.accepted_at,
    (SELECT json_build_array(s.message_id, s.steps) FROM streams s WHERE s.incident_id = d.incident_id
        AND s.provider = d.provider AND s.channel = d.channel) AS stream

-- name: finish
WITH done AS (
    SELECT * FROM json_to_recordset(%(outcomes)s::json) AS o (
        id uuid, number int, state text, reason text, detail text, message_id text, merged_into uuid,
        uncertain boolean, wait float8, started_at timestamptz, finished_at timestamptz, outcome text)
), kept AS (
    INSERT INTO attempts (delivery_id, number, started_at, finished_at, outcome, reason, detail, message_id, worker)
    SELECT id, number, started_at, finished_at, outcome, reason, detail, message_id, %(owner)s FROM done
    ON CONFLICT DO NOTHING
), announced AS (
    INSERT INTO streams (incident_id, provider, channel, message_id, steps)
    SELECT * FROM json_to_recordset(%(announced)s::json) AS s (
        incident_id uuid, provider text, channel text, message_id text, steps text[])
    ON CONFLICT (incident_id, provider, channel) DO UPDATE SET message_id = excluded.message_id,
        steps = excluded.steps
)
UPDATE deliveries d SET state = done.state, reason = done.reason, detail = done.detail,
    message_id = coalesce(done.message_id, d.message_id), merged_into = done.merged_into,
    uncertain = done.uncertain, tried_at = CASE WHEN done.uncertain THEN d.tried_at END, lease_owner = NULL, lease_until = NULL,
    sent_at = CASE WHEN done.state = 'sent' THEN done.finished_at END,
    not_before = CASE WHEN done.wait IS NULL THEN d.not_before ELSE now() + make_interval(secs => done.wait) END
FROM done
-- A lease says `sending` too, and leaves the planner no index but that of the ids.
WHERE d.id = done.id AND d.lease_until IS NOT NULL AND d.lease_owner = %(owner)s AND d.attempts = done.number

-- name: release
-- A worker that stops in good order gives back what it has not begun to send.
UPDATE deliveries SET state = CASE WHEN attempts > 1 THEN 'retrying' ELSE 'pending' END, attempts = attempts - 1,
    lease_owner = NULL, lease_until = NULL, tried_at = CASE WHEN uncertain THEN tried_at END
WHERE id = ANY(%(ids)s::uuid[]) AND lease_owner = %(owner)s AND lease_until IS NOT NULL

-- name: sweep_leases
-- A lease that ran out means that the outcome is unknown; the next try is told so.
WITH lost AS (
    UPDATE deliveries SET state = 'retrying', uncertain = true, reason = 'outcome_unknown',
        detail = 'the worker ended before the outcome was recorded', lease_until = NULL
    WHERE state = 'sending' AND lease_until < now()
    RETURNING id, attempts, provider, lease_owner
), kept AS (
    INSERT INTO attempts (delivery_id, number, started_at, finished_at, outcome, reason, worker)
    SELECT id, attempts, now(), now(), 'unknown', 'outcome_unknown', coalesce(lease_owner, '') FROM lost
    ON CONFLICT DO NOTHING
)
SELECT provider, count(*) AS rows FROM lost GROUP BY provider

-- name: sweep_expired
-- What is urgent has no date of its own: it waits for as long as its incident is open.
UPDATE deliveries d SET state = 'expired', reason = 'expired', detail = 'waited longer than 24 hours'
WHERE state IN ('pending', 'retrying')
  AND (expires_at < now() OR (expires_at IS NULL AND accepted_at < now() - interval '24 hours' AND EXISTS (
      SELECT FROM incidents i WHERE i.id = d.incident_id AND i.status IN ('resolved', 'closed'))))

-- name: sweep_overdue
-- A loose scan as in `ready`: with all that waits after an hour without a platform, DISTINCT takes a hundred times
-- as long, and this runs every second.
WITH RECURSIVE lane AS (
    (SELECT provider FROM deliveries WHERE state IN ('pending', 'retrying') ORDER BY provider LIMIT 1)
    UNION ALL
    SELECT next.provider
    FROM lane, LATERAL (
        SELECT d.provider FROM deliveries d
        WHERE d.state IN ('pending', 'retrying') AND d.provider > lane.provider
        ORDER BY d.provider LIMIT 1) AS next
)
SELECT provider FROM lane
WHERE EXISTS (SELECT FROM deliveries d
    WHERE d.provider = lane.provider AND d.state IN ('pending', 'retrying') AND d.not_before <= now())

-- name: needs_fallback
SELECT d.id::text, d.event_id::text, d.incident_id::text, d.provider, d.channel, d.message, d.step, d.accepted_at,
       d.reason, d.state
FROM deliveries d
WHERE d.priority = 0 AND NOT d.fell_back AND d.fallback_of IS NULL
  AND d.state IN ('pending', 'sending', 'retrying', 'failed')
  AND (d.state = 'failed' OR d.accepted_at < now() - interval '60 seconds')
  AND d.accepted_at > now() - interval '1 day'
ORDER BY d.seq LIMIT 200
FOR UPDATE SKIP LOCKED

-- name: add
INSERT INTO deliveries (id, event_id, incident_id, provider, channel, mode, priority, step, message, routes,
    accepted_at, expires_at, fallback_of)
SELECT * FROM json_to_recordset(%(deliveries)s::json) AS d (
    id uuid, event_id uuid, incident_id uuid, provider text, channel text, mode text, priority smallint,
    step text, message json, routes text[], accepted_at timestamptz, expires_at timestamptz, fallback_of uuid)
ON CONFLICT (id) DO NOTHING

-- name: fell_back
UPDATE deliveries SET fell_back = true WHERE id = ANY(%(ids)s::uuid[])

-- name: pending
SELECT provider, count(*) AS waiting, extract(epoch FROM now() - min(accepted_at))::float8 AS oldest
FROM deliveries WHERE state IN ('pending', 'sending', 'retrying') GROUP BY provider ORDER BY provider

-- name: list
SELECT d.id::text, d.state, d.provider, d.channel, d.mode, d.priority, i.display_id AS incident, d.attempts,
    d.reason, d.detail, d.accepted_at, d.sent_at, d.message_id, d.message ->> 'event' AS event,
    CASE WHEN d.state IN ('pending', 'retrying') AND d.not_before > now() THEN d.not_before END AS not_before
FROM deliveries d LEFT JOIN incidents i ON i.id = d.incident_id
WHERE (%(state)s::text IS NULL OR d.state = %(state)s) AND (%(provider)s::text IS NULL OR d.provider = %(provider)s)
  AND (%(incident)s::text IS NULL OR i.display_id = %(incident)s)
ORDER BY d.id DESC LIMIT %(limit)s

-- name: one
SELECT d.id::text, d.event_id::text, d.incident_id::text, d.state, d.provider, d.channel, d.mode, d.priority,
    i.display_id AS incident, d.attempts, d.reason, d.detail, d.accepted_at, d.not_before, d.expires_at, d.sent_at,
    d.message_id, d.routes, d.merged_into::text, d.fallback_of::text, d.uncertain, d.message
FROM deliveries d LEFT JOIN incidents i ON i.id = d.incident_id
WHERE d.id = %(id)s::uuid

-- name: attempts
SELECT number, started_at, finished_at, outcome, reason, detail, message_id, worker
FROM attempts WHERE delivery_id = %(id)s::uuid ORDER BY number

-- name: again
UPDATE deliveries SET state = 'retrying', not_before = now(), reason = NULL, detail = 'asked for by hand',
    expires_at = NULL
WHERE id = %(id)s::uuid AND state IN ('failed', 'expired', 'retrying', 'pending')
RETURNING provider
