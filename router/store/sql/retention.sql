-- name: keys
-- Ids are ordered by time, so that each run reads no more than what became old since the one before.
UPDATE events SET key = NULL
WHERE id >= %(since)s::uuid AND id < %(until)s::uuid AND key IS NOT NULL

-- name: keys_until
SELECT value FROM counters WHERE name = 'keys-forgotten-until'

-- name: keep_keys_until
INSERT INTO counters (name, value) VALUES ('keys-forgotten-until', %(seconds)s)
ON CONFLICT (name) DO UPDATE SET value = excluded.value

-- name: marks
DELETE FROM count_marks WHERE at < now() - interval '31 days'
