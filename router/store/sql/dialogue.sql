-- name: candidates
SELECT display_id, title, severity, status, service, description, assignee
FROM incidents WHERE status = ANY(%(statuses)s)
ORDER BY started_at DESC LIMIT 200

-- name: keep
INSERT INTO utterances (id, at, provider, key, channel, speaker, text, intent, confidence, parse, outcome)
VALUES (%(id)s::uuid, %(at)s, %(provider)s, %(key)s, %(channel)s, %(speaker)s, %(text)s, %(intent)s, %(confidence)s,
    %(parse)s::json, %(outcome)s::json)
ON CONFLICT (id) DO NOTHING

-- name: heard
SELECT u.id::text, u.at, u.text, u.intent, u.confidence, u.parse, u.outcome
FROM utterances u WHERE u.provider = %(provider)s AND u.key = %(key)s

-- name: utterance
SELECT id::text, at, provider, channel, speaker, text, intent, confidence, parse, outcome, verdict, example,
    verdict_by, verdict_at, '{}'::text[] AS doubts
FROM utterances WHERE id = %(id)s::uuid AND provider <> ''

-- name: utterances
SELECT id::text, at, provider, channel, speaker, text, intent, confidence, parse, outcome, verdict, example,
    verdict_by, verdict_at, '{}'::text[] AS doubts
FROM utterances WHERE provider <> '' ORDER BY at DESC, id DESC LIMIT %(limit)s

-- name: doubtful
-- What the same person said next, or pressed, within two minutes tells what was not meant. Ids of the inbox begin
-- with their time, so that only its rows of these minutes are read.
SELECT u.id::text, u.at, u.provider, u.channel, u.speaker, u.text, u.intent, u.confidence, u.parse, u.outcome,
    u.verdict, u.example, u.verdict_by, u.verdict_at, found.doubts
FROM utterances u
CROSS JOIN LATERAL (SELECT
    coalesce((u.outcome->>'refused')::boolean, false) AS refused,
    coalesce(json_array_length(u.outcome->'does'), 0) > 0 AND u.outcome->'does'->0->>'command' <> 'undo' AS did
) AS came
LEFT JOIN LATERAL (
    SELECT n.id, n.text, n.outcome->'does'->0->>'command' AS command FROM utterances n
    WHERE n.at > u.at AND n.at <= u.at + interval '2 minutes'
      AND n.provider = u.provider AND n.channel = u.channel AND n.speaker = u.speaker
    ORDER BY n.at LIMIT 1
) AS next ON came.did
CROSS JOIN LATERAL (SELECT array_remove(ARRAY[
    CASE WHEN u.parse IS NULL AND came.refused THEN 'not_read' END,
    CASE WHEN u.confidence < %(unsure)s THEN 'unsure' END,
    CASE WHEN came.refused THEN 'refused' END,
    CASE WHEN u.intent = 'out_of_scope' THEN 'out_of_scope' END,
    CASE WHEN (u.parse->'alternatives'->0->>'confidence')::float >= %(rival)s THEN 'rival' END,
    CASE WHEN next.command = 'undo' OR (came.did AND EXISTS (
        SELECT FROM inbox mine JOIN inbox back ON back.provider = mine.provider
        WHERE mine.id = u.id AND back.command = 'undo' AND back.outcome = 'done'
          AND back.input->'user'->>'id' = mine.input->'user'->>'id'
          AND back.id > u.id AND back.id <= coalesce(next.id, (lpad(to_hex(
              (extract(epoch FROM u.at + interval '2 minutes') * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid)
    )) THEN 'undone' END,
    CASE WHEN next.text ~* '^\W*(no|nope|not|actually|sorry|oops|wait|i meant?|rather)\M' THEN 'corrected' END
], NULL) AS doubts) AS found
WHERE u.verdict IS NULL AND u.provider <> '' AND found.doubts <> '{}'
ORDER BY u.at DESC, u.id DESC LIMIT %(limit)s

-- name: to_judge
SELECT text, intent, parse FROM utterances WHERE id = %(id)s::uuid AND provider <> '' FOR UPDATE

-- name: judge
UPDATE utterances SET verdict = %(verdict)s, example = %(example)s, verdict_by = %(by)s, verdict_at = %(at)s
WHERE id = %(id)s::uuid

-- name: examples
-- Each once, in the order in which they were first made, so that the file that is made of them changes at its end.
SELECT verdict AS intent, example FROM utterances WHERE example IS NOT NULL
GROUP BY verdict, example ORDER BY min(verdict_at), verdict, example

-- name: forget
DELETE FROM utterances WHERE at < now() - make_interval(days => %(days)s) AND example IS NULL

-- name: forget_speakers
-- Of what has become an example the example stays, and nothing of who said it where.
UPDATE utterances SET provider = '', key = '', channel = '', speaker = '', text = '', intent = NULL,
    confidence = NULL, parse = NULL, outcome = '{}'
WHERE at < now() - make_interval(days => %(days)s) AND example IS NOT NULL AND provider <> ''
