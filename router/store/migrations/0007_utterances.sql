-- What was said to the bot, how it was understood and what came of it, for a while; and what people say of that.

CREATE TABLE utterances (
    id uuid PRIMARY KEY,
    at timestamptz NOT NULL,
    provider text NOT NULL,
    key text NOT NULL,
    channel text NOT NULL,
    speaker text NOT NULL,
    text text NOT NULL,
    intent text,
    confidence double precision,
    parse json,
    outcome json NOT NULL,
    verdict text,
    example text,
    verdict_by text,
    verdict_at timestamptz
);
COMMENT ON COLUMN utterances.id IS 'Of the inbox row.';
COMMENT ON COLUMN utterances.text IS 'Redacted.';
COMMENT ON COLUMN utterances.verdict IS 'The intent that a person says it was, or `ignored`.';
COMMENT ON COLUMN utterances.example IS 'The training example that was made of it.';
CREATE INDEX utterances_key ON utterances (provider, key);
CREATE INDEX utterances_at ON utterances (at);
