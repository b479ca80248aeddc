-- name: find
SELECT name, source, scopes FROM tokens WHERE digest = %(digest)s AND revoked_at IS NULL

-- name: add
INSERT INTO tokens (id, name, source, digest, scopes)
VALUES (%(id)s::uuid, %(name)s, %(source)s, %(digest)s, %(scopes)s)
ON CONFLICT (digest) DO NOTHING

-- name: list
SELECT id::text, name, source, scopes, created_at, revoked_at FROM tokens ORDER BY created_at

-- name: revoke
UPDATE tokens SET revoked_at = now() WHERE (id::text = %(id)s OR name = %(id)s) AND revoked_at IS NULL

-- name: any_admin
SELECT 1 AS found FROM tokens WHERE 'admin' = ANY(scopes) AND revoked_at IS NULL LIMIT 1
