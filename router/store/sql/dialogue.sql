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
-- What the same person said next, or pressed, within two minutes tells what was not meant. In one pass over what is
-- kept, as there is no index by speaker.
WITH did AS MATERIALIZED (
    SELECT id, at, provider, channel, speaker, text, outcome->'does'->0->>'command' AS command,
        coalesce((outcome->>'refused')::boolean, false) AS refused
    FROM utterances WHERE provider <> ''
), followed AS MATERIALIZED (
    SELECT id, refused, command, coalesce(lead(at) OVER same <= at + interval '2 minutes', false) AS soon,
        lead(text) OVER same AS next_text, lead(command) OVER same AS next_command
    FROM did WINDOW same AS (PARTITION BY provider, channel, speaker ORDER BY at, id)
), acts AS MATERIALIZED (
    -- A button's press is no utterance, but is in the inbox for a week.
    SELECT id, command, lead(command) OVER same AS next_command,
        coalesce(lead(received_at) OVER same <= received_at + interval '2 minutes', false) AS soon
    FROM inbox WHERE outcome = 'done' AND command = ANY(%(acts)s)
    WINDOW same AS (PARTITION BY provider, input->'user'->>'id' ORDER BY received_at, id)
), undone AS MATERIALIZED (
    SELECT id FROM acts WHERE soon AND next_command = 'undo' AND command <> 'undo'
)
SELECT u.id::text, u.at, u.provider, u.channel, u.speaker, u.text, u.intent, u.confidence, u.parse, u.outcome,
    u.verdict, u.example, u.verdict_by, u.verdict_at, found.doubts
FROM utterances u
JOIN followed ON followed.id = u.id
CROSS JOIN LATERAL (SELECT followed.command IS NOT NULL AND followed.command <> 'undo' AS acted) AS own
CROSS JOIN LATERAL (SELECT array_remove(ARRAY[
    CASE WHEN u.parse IS NULL AND followed.refused THEN 'not_read' END,
    CASE WHEN u.confidence < %(unsure)s THEN 'unsure' END,
    CASE WHEN followed.refused THEN 'refused' END,
    CASE WHEN u.intent = 'out_of_scope' THEN 'out_of_scope' END,
    CASE WHEN (u.parse->'alternatives'->0->>'confidence')::float >= %(rival)s THEN 'rival' END,
    CASE WHEN own.acted AND followed.soon AND followed.next_command = 'undo' OR u.id IN (SELECT id FROM undone)
        THEN 'undone' END,
    CASE WHEN own.acted AND followed.soon
        AND followed.next_text ~* '^\W*(no|nope|not|actually|sorry|oops|wait|i meant?|rather)\M' THEN 'corrected' END
], NULL) AS doubts) AS found
WHERE u.verdict IS NULL AND found.doubts <> '{}'
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
