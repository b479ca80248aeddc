-- name: keys
UPDATE events SET key = NULL
WHERE key IS NOT NULL AND received_at < now() - make_interval(days => %(days)s)

-- name: marks
DELETE FROM count_marks WHERE at < now() - interval '31 days'
