-- name: provider
WITH lately AS (
    SELECT a.outcome, a.reason, a.detail, a.finished_at FROM attempts a JOIN deliveries d ON d.id = a.delivery_id
    -- `since` is an id of a day ago: the primary keys lead to the newest rows.
    WHERE a.delivery_id > %(since)s::uuid AND d.id > %(since)s::uuid AND d.provider = %(name)s
      AND a.finished_at > now() - interval '1 hour'
)
SELECT
    (SELECT count(*) FROM lately WHERE outcome = 'sent') AS sent,
    (SELECT count(*) FROM lately WHERE outcome <> 'sent') AS failed,
    (SELECT count(*) FROM deliveries WHERE provider = %(name)s AND state IN ('pending', 'sending', 'retrying'))
        AS waiting,
    (SELECT extract(epoch FROM now() - min(accepted_at))::float8 FROM deliveries
     WHERE provider = %(name)s AND state IN ('pending', 'sending', 'retrying')) AS oldest,
    (SELECT max(finished_at) FROM lately WHERE outcome = 'sent') AS last_sent_at,
    (SELECT coalesce(detail, reason) FROM lately WHERE outcome <> 'sent' ORDER BY finished_at DESC LIMIT 1)
        AS last_failure,
    (SELECT max(finished_at) FROM lately WHERE outcome <> 'sent') AS last_failure_at
