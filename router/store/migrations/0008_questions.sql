-- Questions about periods: how many incidents this week, how long they took last month.
CREATE INDEX incidents_started ON incidents (started_at);
