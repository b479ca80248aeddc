-- name: add
INSERT INTO audit (actor, action, subject, outcome, data)
VALUES (%(actor)s, %(action)s, %(subject)s, %(outcome)s, %(data)s::jsonb)

-- name: latest
SELECT at, actor, action, subject, outcome, data FROM audit ORDER BY seq DESC LIMIT %(limit)s

-- name: first_provider
SELECT 1 AS found FROM audit WHERE action = 'provider.add' LIMIT 1
