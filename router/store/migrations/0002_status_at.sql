-- An acknowledgement that was overtaken by a note still counts: only a newer change of the status is newer.

ALTER TABLE incidents ADD COLUMN status_at timestamptz;
COMMENT ON COLUMN incidents.status_at IS 'The time of the newest change of the status; null while it has its first.';
