-- What was taken out of a record before it was stored: a row for each path and kind. Without rows, the record is as it
-- stands on the log. docs/privacy.md names the kinds.
CREATE TABLE redactions (
    log_cluster VARCHAR NOT NULL,
    log_topic VARCHAR NOT NULL,
    log_partition INTEGER NOT NULL,
    log_offset BIGINT NOT NULL,
    log_time TIMESTAMPTZ NOT NULL,
    conversation_id VARCHAR,
    path VARCHAR NOT NULL,
    kind VARCHAR NOT NULL
);

-- Whom the sink leaves out (`handrail forget`): keyed digests, never names. of 'ref': a customer, for records up to
-- forgotten_at; of 'conversation': one of theirs, for ever.
CREATE TABLE forgotten (
    "of" VARCHAR NOT NULL,
    digest VARCHAR NOT NULL,
    forgotten_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY ("of", digest)
);

CREATE TABLE forgotten_salt (salt BLOB NOT NULL);
