-- Back to the source: what people do to its incidents is sent there, as deliveries of a mode of their own.

ALTER TABLE sources
    ADD COLUMN callback text CHECK (callback IN ('webhook', 'pagerduty')),
    ADD COLUMN callback_url text,
    ADD COLUMN sealed bytea,
    ADD COLUMN version bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN sources.sealed IS 'The secret of the callback.';
COMMENT ON COLUMN sources.version IS 'Of the callback, as the providers'' versions are counted.';

ALTER TABLE deliveries
    DROP CONSTRAINT deliveries_mode_check,
    ADD CONSTRAINT deliveries_mode_check CHECK (mode IN ('post', 'edit', 'reply', 'edit_reply', 'call')),
    ADD COLUMN told text;
COMMENT ON COLUMN deliveries.told IS 'Of a call: the final state that the incident''s messages were told of.';
CREATE INDEX deliveries_calls ON deliveries (incident_id, seq) WHERE mode = 'call';
CREATE INDEX deliveries_untold ON deliveries (seq)
    WHERE mode = 'call' AND state IN ('sent', 'failed', 'expired', 'suppressed') AND told IS DISTINCT FROM state;
