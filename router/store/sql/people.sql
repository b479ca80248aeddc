-- name: add
INSERT INTO accounts (name, role, email, timezone)
VALUES (%(name)s, %(role)s, %(email)s, %(timezone)s)
ON CONFLICT DO NOTHING
RETURNING name

-- name: account
SELECT name, role, email, timezone, created_at FROM accounts WHERE name = %(name)s

-- name: by_email
SELECT name, role, email, timezone, created_at FROM accounts WHERE lower(email) = lower(%(email)s)

-- name: by_display
SELECT name, role, email, timezone, created_at FROM accounts
WHERE name IN (SELECT account FROM links WHERE active AND lower(display) = lower(%(display)s))
ORDER BY name

-- name: set_role
UPDATE accounts SET role = %(role)s FROM (SELECT role FROM accounts WHERE name = %(name)s FOR UPDATE) AS before
WHERE name = %(name)s RETURNING before.role AS before

-- name: list
SELECT name, role, email, timezone, created_at, coalesce(
    (SELECT json_agg(json_build_object('platform', platform, 'workspace', workspace, 'user', user_id,
                                       'how', how, 'created_at', links.created_at)
                     ORDER BY platform, workspace, user_id)
     FROM links WHERE account = accounts.name AND active), '[]') AS links
FROM accounts WHERE %(name)s::text IS NULL OR name = %(name)s ORDER BY name

-- name: linked
SELECT links.active, links.display, name, role, email, timezone, accounts.created_at
FROM links JOIN accounts ON name = links.account
WHERE platform = %(platform)s AND workspace = %(workspace)s AND user_id = %(user)s

-- name: users_of
SELECT user_id FROM links
WHERE account = %(account)s AND platform = %(platform)s AND workspace = %(workspace)s AND active
ORDER BY created_at, user_id

-- name: called
UPDATE links SET display = %(display)s
WHERE platform = %(platform)s AND workspace = %(workspace)s AND user_id = %(user)s AND active

-- name: link
INSERT INTO links (platform, workspace, user_id, account, how, display)
VALUES (%(platform)s, %(workspace)s, %(user)s, %(account)s, %(how)s, %(display)s)
ON CONFLICT (platform, workspace, user_id) DO UPDATE
SET account = excluded.account, how = excluded.how, display = excluded.display, active = true, created_at = now()
WHERE NOT links.active OR (%(force)s AND links.account <> excluded.account)
RETURNING account

-- name: link_by_email
INSERT INTO links (platform, workspace, user_id, account, how, display)
VALUES (%(platform)s, %(workspace)s, %(user)s, %(account)s, 'email', %(display)s)
ON CONFLICT DO NOTHING
RETURNING account

-- name: unlink
UPDATE links SET active = false, display = ''
WHERE platform = %(platform)s AND workspace = %(workspace)s AND user_id = %(user)s AND account = %(account)s
    AND active
RETURNING account

-- name: alone
-- The first number keeps these locks apart from those of incidents, which have 1.
SELECT pg_advisory_xact_lock(3, hashtext(concat_ws('/', %(platform)s::text, %(workspace)s::text, %(user)s::text)))

-- name: forget_codes
DELETE FROM link_codes WHERE digest IN (
    SELECT digest FROM link_codes WHERE expires_at <= now() FOR UPDATE SKIP LOCKED)

-- name: forget_tries
DELETE FROM link_tries WHERE ctid IN (
    SELECT ctid FROM link_tries WHERE at <= now() - interval '1 hour' FOR UPDATE SKIP LOCKED)

-- name: open_codes
SELECT count(*) AS count FROM link_codes
WHERE platform = %(platform)s AND workspace = %(workspace)s AND user_id = %(user)s AND expires_at > now()

-- name: add_code
INSERT INTO link_codes (digest, platform, workspace, user_id, display, expires_at)
VALUES (%(digest)s, %(platform)s, %(workspace)s, %(user)s, %(display)s, now() + %(lifetime)s)

-- name: take_code
DELETE FROM link_codes WHERE digest = %(digest)s AND expires_at > now()
RETURNING platform, workspace, user_id AS user, display

-- name: tries
SELECT count(*) AS count FROM link_tries
WHERE platform = %(platform)s AND workspace = %(workspace)s AND user_id = %(user)s
    AND at > now() - interval '1 hour'

-- name: add_try
INSERT INTO link_tries (platform, workspace, user_id) VALUES (%(platform)s, %(workspace)s, %(user)s)

-- name: any_email
SELECT 1 AS one FROM accounts WHERE email IS NOT NULL LIMIT 1
