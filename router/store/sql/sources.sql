-- name: one
SELECT name, severity_map, default_severity, per FROM sources WHERE name = %(name)s

-- name: list
SELECT name, severity_map, default_severity, per, callback, callback_url, sealed FROM sources ORDER BY name

-- name: put
INSERT INTO sources (name, severity_map, default_severity, per)
VALUES (%(name)s, %(severity_map)s::jsonb, %(default_severity)s, %(per)s)
ON CONFLICT (name) DO UPDATE SET severity_map = excluded.severity_map,
    default_severity = excluded.default_severity, per = excluded.per
