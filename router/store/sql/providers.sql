-- name: all
SELECT name, platform, active, config, sealed, version FROM providers ORDER BY name

-- name: one
SELECT name, platform, active, config, sealed, version FROM providers WHERE name = %(name)s

-- name: add
WITH moved AS (UPDATE versions SET value = value + 1 WHERE name = 'providers' RETURNING value)
INSERT INTO providers (name, platform, config, sealed, version)
SELECT %(name)s, %(platform)s, %(config)s::jsonb, %(sealed)s, value FROM moved
ON CONFLICT DO NOTHING
RETURNING name

-- name: update
WITH moved AS (UPDATE versions SET value = value + 1 WHERE name = 'providers' RETURNING value)
UPDATE providers SET config = %(config)s::jsonb, sealed = %(sealed)s, version = moved.value, updated_at = now(),
    active = coalesce(%(active)s::boolean, active)
FROM moved
WHERE providers.name = %(name)s AND providers.version = %(version)s
RETURNING providers.name

-- name: remove
WITH moved AS (UPDATE versions SET value = value + 1 WHERE name = 'providers')
DELETE FROM providers WHERE name = %(name)s

-- name: abandon
UPDATE deliveries SET state = 'failed', reason = 'no_provider', detail = 'the provider was removed'
WHERE provider = %(name)s AND state IN ('pending', 'retrying')

-- name: revive
-- But not behind a newer message of the same stream that did arrive. `since` is an id that is old enough for all
-- of these: the primary key leads to the newest rows.
UPDATE deliveries d SET state = 'retrying', not_before = now()
WHERE d.id > %(since)s::uuid AND d.provider = %(name)s AND d.state = 'failed'
  AND d.accepted_at > now() - interval '1 hour'
  AND d.reason IN ('unauthorized', 'forbidden', 'channel_not_found')
  AND NOT EXISTS (
      SELECT FROM deliveries later
      WHERE later.id > %(since)s::uuid AND later.incident_id = d.incident_id AND later.provider = d.provider AND later.channel = d.channel
        AND later.seq > d.seq AND later.state = 'sent')

-- name: lock_all
SELECT name, sealed FROM providers ORDER BY name FOR UPDATE

-- name: reseal
WITH moved AS (UPDATE versions SET value = value + 1 WHERE name = 'providers' RETURNING value)
UPDATE providers SET sealed = %(sealed)s, version = moved.value FROM moved WHERE providers.name = %(name)s
