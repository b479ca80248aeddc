-- name: put
INSERT INTO sandbox_messages (id, provider, channel, nonce, parent, payload)
VALUES (%(id)s::uuid, %(provider)s, %(channel)s, %(nonce)s, %(parent)s, %(payload)s::jsonb)
ON CONFLICT (provider, channel, nonce) DO UPDATE SET nonce = excluded.nonce
RETURNING id::text

-- name: replace
UPDATE sandbox_messages SET payload = %(payload)s::jsonb, edited_at = now()
WHERE id = %(id)s::uuid AND provider = %(provider)s AND channel = %(channel)s

-- name: find
SELECT id::text FROM sandbox_messages
WHERE provider = %(provider)s AND channel = %(channel)s AND nonce = %(nonce)s

-- name: channels
SELECT DISTINCT channel FROM sandbox_messages WHERE provider = %(provider)s ORDER BY channel

-- name: list
SELECT id::text, channel, parent, payload, posted_at, edited_at FROM sandbox_messages
WHERE provider = %(provider)s AND (%(channel)s::text IS NULL OR channel = %(channel)s)
ORDER BY sandbox_messages.id DESC LIMIT %(limit)s
