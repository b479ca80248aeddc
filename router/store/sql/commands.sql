-- name: settings
SELECT name, config, sealed, changed_at, changed_by FROM command_settings ORDER BY name

-- name: settings_of
SELECT name, config, sealed, changed_at, changed_by FROM command_settings WHERE name = %(name)s

-- name: lock_settings
SELECT name, config, sealed FROM command_settings WHERE name = %(name)s FOR UPDATE

-- name: put
INSERT INTO command_settings (name, config, sealed, changed_by)
VALUES (%(name)s, %(config)s::jsonb, %(sealed)s, %(actor)s)
ON CONFLICT (name) DO UPDATE SET config = excluded.config, sealed = excluded.sealed,
    changed_by = excluded.changed_by, changed_at = now()

-- name: remove
DELETE FROM command_settings WHERE name = %(name)s

-- name: lock_all
SELECT name, sealed FROM command_settings ORDER BY name FOR UPDATE

-- name: reseal
UPDATE command_settings SET sealed = %(sealed)s WHERE name = %(name)s

-- name: want
-- Leased at once to the process that asks, which goes on with it.
INSERT INTO dispatches (id, repository, event_type, payload, provider, channel, thread, said, lease_until)
VALUES (%(id)s::uuid, %(repository)s, %(event_type)s, %(payload)s::jsonb, %(provider)s, %(channel)s, %(thread)s, %(said)s,
    now() + make_interval(secs => %(lease)s))
ON CONFLICT (id) DO NOTHING

-- name: dispatch
SELECT id::text, state, repository, event_type, payload, provider, channel, thread, said, wanted_at, sent_at,
    run_id, run_url, outcome, attempts
FROM dispatches WHERE id = %(id)s::uuid

-- name: take
-- What was being sent when its lease ran out may have arrived: it is looked for, and not sent again.
UPDATE dispatches SET lease_until = now() + make_interval(secs => %(lease)s), attempts = attempts + 1,
    state = CASE WHEN state = 'sending' THEN 'uncertain' ELSE state END,
    sent_at = CASE WHEN state = 'sending' THEN coalesce(sent_at, now()) ELSE sent_at END
WHERE id IN (
    SELECT id FROM dispatches
    WHERE state NOT IN ('done', 'failed') AND not_before <= now() AND (lease_until IS NULL OR lease_until < now())
    ORDER BY not_before LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
RETURNING id::text, state, repository, event_type, payload, provider, channel, thread, said, wanted_at, sent_at,
    run_id, run_url, outcome, attempts

-- name: begin
-- Committed before the request leaves; `sent_at` is the earliest time at which it can have arrived.
UPDATE dispatches SET state = 'sending', sent_at = now(), lease_until = now() + make_interval(secs => %(lease)s)
WHERE id = %(id)s::uuid AND state = 'wanted'
RETURNING id

-- name: move
-- Only from where it was seen: a process whose lease ran out must not undo what another one did.
UPDATE dispatches SET state = %(state)s, attempts = CASE WHEN %(state)s IN (state, 'wanted') THEN attempts ELSE 0 END,
    sent_at = coalesce(%(sent_at)s, sent_at), run_id = coalesce(%(run_id)s, run_id),
    run_url = coalesce(%(run_url)s, run_url), outcome = coalesce(%(outcome)s, outcome),
    not_before = now() + make_interval(secs => %(wait)s), lease_until = NULL
WHERE id = %(id)s::uuid AND state = %(was)s

-- name: claimed_runs
SELECT run_id FROM dispatches WHERE repository = %(repository)s AND run_id = ANY(%(runs)s::bigint[])

-- name: forget_dispatches
DELETE FROM dispatches WHERE state IN ('done', 'failed') AND wanted_at < now() - interval '30 days'

-- name: keep_picture
WITH old AS (DELETE FROM pictures WHERE expires_at < now())
INSERT INTO pictures (id, png, expires_at) VALUES (%(id)s, %(png)s, now() + make_interval(secs => %(seconds)s))

-- name: picture
SELECT png FROM pictures WHERE id = %(id)s AND expires_at > now()
