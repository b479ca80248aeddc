-- What questions in chat are answered from. Each range of times is by index, whether both ends are given or not.

-- name: by_status
SELECT status, count(*) AS incidents FROM incidents
WHERE started_at >= coalesce(%(since)s::timestamptz, '-infinity')
  AND started_at < coalesce(%(until)s::timestamptz, 'infinity')
  AND status = ANY(%(statuses)s)
  AND (%(severity)s::text IS NULL OR severity = %(severity)s)
  AND (%(assignee)s::text IS NULL OR lower(assignee) = lower(%(assignee)s))
  AND (%(services)s::text[] IS NULL
       OR lower(regexp_replace(btrim(service), '[\s_-]+', '-', 'g')) = ANY(%(services)s))
GROUP BY status

-- name: listed
SELECT display_id AS id, title, severity, status, service, assignee, started_at FROM incidents
WHERE started_at >= coalesce(%(since)s::timestamptz, '-infinity')
  AND started_at < coalesce(%(until)s::timestamptz, 'infinity')
  AND status = ANY(%(statuses)s)
  AND (%(severity)s::text IS NULL OR severity = %(severity)s)
  AND (%(assignee)s::text IS NULL OR lower(assignee) = lower(%(assignee)s))
  AND (%(services)s::text[] IS NULL
       OR lower(regexp_replace(btrim(service), '[\s_-]+', '-', 'g')) = ANY(%(services)s))
ORDER BY severity, started_at DESC, display_id DESC LIMIT %(limit)s

-- name: figures
-- Times in seconds. What was acknowledged before it began, by the clocks of two machines, took no time.
WITH declared AS (
    SELECT id, severity, status,
           CASE WHEN acknowledged_at IS NOT NULL THEN greatest(extract(epoch FROM acknowledged_at - started_at), 0)::float END AS to_acknowledge,
           CASE WHEN resolved_at IS NOT NULL THEN greatest(extract(epoch FROM resolved_at - started_at), 0)::float END AS to_resolve
    FROM incidents
    WHERE started_at >= %(since)s AND started_at < %(until)s
      AND (%(severity)s::text IS NULL OR severity = %(severity)s)
      AND (%(services)s::text[] IS NULL
           OR lower(regexp_replace(btrim(service), '[\s_-]+', '-', 'g')) = ANY(%(services)s))
), deadlines AS (
    SELECT count(DISTINCT t.incident_id) FILTER (WHERE t.event_type = 'sla.breached') AS breached,
           count(DISTINCT t.incident_id) FILTER (WHERE t.event_type = 'sla.warning') AS warned
    FROM timeline t JOIN declared d ON d.id = t.incident_id
    WHERE t.event_type IN ('sla.breached', 'sla.warning')
)
SELECT count(*) AS declared,
       count(*) FILTER (WHERE status IN ('open', 'acknowledged')) AS still_open,
       count(*) FILTER (WHERE severity = 'SEV-1') AS sev1,
       count(to_acknowledge) AS acknowledged,
       avg(to_acknowledge) AS mean_to_acknowledge,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY to_acknowledge) AS median_to_acknowledge,
       percentile_cont(0.9) WITHIN GROUP (ORDER BY to_acknowledge) AS most_to_acknowledge,
       count(to_resolve) AS resolved,
       avg(to_resolve) AS mean_to_resolve,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY to_resolve) AS median_to_resolve,
       percentile_cont(0.9) WITHIN GROUP (ORDER BY to_resolve) AS most_to_resolve,
       (SELECT breached FROM deadlines) AS breached,
       (SELECT warned FROM deadlines) AS warned
FROM declared

-- name: timeline
SELECT event_type, at, actor, data FROM timeline
WHERE incident_id = %(incident)s::uuid
  AND at >= coalesce(%(since)s::timestamptz, '-infinity')
  AND at < coalesce(%(until)s::timestamptz, 'infinity')
ORDER BY seq DESC LIMIT %(limit)s

-- name: service
-- A service that the catalogue does not name, as some incident has it.
SELECT service FROM incidents
WHERE lower(regexp_replace(btrim(service), '[\s_-]+', '-', 'g')) = %(service)s LIMIT 1

-- name: assignee
SELECT assignee FROM incidents WHERE lower(assignee) = lower(%(assignee)s) LIMIT 1
