-- name: want
-- A room that is closed is wanted again; guests gather until they are invited.
INSERT INTO war_rooms (incident_id, provider, name, guests)
SELECT %(incident)s::uuid, provider, %(name)s, %(guests)s::text[] FROM unnest(%(providers)s::text[]) AS provider
ON CONFLICT (incident_id, provider) DO UPDATE SET
    state = CASE WHEN war_rooms.state IN ('closed', 'closing', 'failed') THEN 'wanted' ELSE war_rooms.state END,
    attempts = CASE WHEN war_rooms.state IN ('closed', 'closing', 'failed') THEN 0 ELSE war_rooms.attempts END,
    number = war_rooms.number + (war_rooms.state = 'closed')::integer,
    name = CASE WHEN war_rooms.state = 'closed' THEN excluded.name || '-' || war_rooms.number + 1 ELSE war_rooms.name END,
    not_before = least(war_rooms.not_before, now()),
    guests = ARRAY(SELECT DISTINCT unnest(war_rooms.guests || excluded.guests))

-- name: take
-- One room, or any that is due; leased so that two processes do not make it twice.
UPDATE war_rooms r SET lease_until = now() + make_interval(secs => %(lease)s), attempts = attempts + 1
FROM incidents i
WHERE i.id = r.incident_id AND (r.incident_id, r.provider) IN (
    SELECT incident_id, provider FROM war_rooms
    WHERE (state IN ('wanted', 'closing') OR (state = 'open' AND guests <> '{}'))
      AND (lease_until IS NULL OR lease_until < now())
      AND (not_before <= now() OR %(incident)s::uuid IS NOT NULL)
      AND (%(incident)s::uuid IS NULL OR (incident_id = %(incident)s::uuid AND provider = %(provider)s))
    ORDER BY not_before LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
RETURNING r.incident_id::text, r.provider, r.state, r.name, r.channel, r.url, r.guests, r.attempts, i.display_id

-- name: opened
-- One whose incident was closed meanwhile keeps its channel, so that it is put away.
UPDATE war_rooms SET state = CASE WHEN state = 'wanted' THEN 'open' ELSE state END,
    channel = %(channel)s, url = %(url)s, guests = ARRAY(SELECT DISTINCT unnest(guests || %(guests)s::text[])), lease_until = NULL, detail = NULL, attempts = 0
WHERE incident_id = %(incident)s::uuid AND provider = %(provider)s AND state IN ('wanted', 'closing')
RETURNING state

-- name: invited
UPDATE war_rooms SET guests = ARRAY(SELECT unnest(guests) EXCEPT SELECT unnest(%(guests)s::text[])), lease_until = NULL
WHERE incident_id = %(incident)s::uuid AND provider = %(provider)s

-- name: closed
UPDATE war_rooms SET state = 'closed', guests = '{}', lease_until = NULL, detail = NULL
WHERE incident_id = %(incident)s::uuid AND provider = %(provider)s AND state = 'closing'

-- name: again
UPDATE war_rooms SET not_before = now() + make_interval(secs => %(wait)s), lease_until = NULL, detail = %(detail)s,
    state = CASE WHEN %(failed)s AND state <> 'open' THEN 'failed' ELSE state END,
    guests = CASE WHEN %(failed)s THEN '{}' ELSE guests END
WHERE incident_id = %(incident)s::uuid AND provider = %(provider)s

-- name: close
-- What is still on its way there gets half a minute to arrive.
UPDATE war_rooms SET state = 'closing', attempts = 0, not_before = now() + interval '30 seconds'
WHERE incident_id = ANY(%(incidents)s::uuid[]) AND state IN ('open', 'wanted')

-- name: of_sources
SELECT r.incident_id::text, r.provider, r.channel
FROM war_rooms r JOIN incidents i ON i.id = r.incident_id
WHERE r.state = 'open' AND (i.source, i.external_id) IN (SELECT * FROM unnest(%(sources)s::text[], %(ids)s::text[]))

-- name: of_incident
SELECT provider, state, channel, name, url, detail FROM war_rooms WHERE incident_id = %(incident)s::uuid ORDER BY provider

-- name: of_channel
SELECT incident_id::text FROM war_rooms WHERE provider = %(provider)s AND channel = ANY(%(channels)s) AND state = 'open'

-- name: announce
INSERT INTO streams (incident_id, provider, channel) VALUES (%(incident)s::uuid, %(provider)s, %(channel)s)
ON CONFLICT DO NOTHING
