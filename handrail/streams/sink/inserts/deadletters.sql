INSERT INTO deadletters BY NAME
SELECT
    log_cluster, log_topic, log_partition, log_offset, log_time,
    r.topic AS from_topic,
    TRY_CAST(r."partition" AS INTEGER) AS from_partition,
    TRY_CAST(r."offset" AS BIGINT) AS from_offset,
    r.reason,
    TRY_CAST(upper(r."at") AS TIMESTAMPTZ) AS refused_at,
    from_base64(r.key) AS key,
    from_base64(r.value) AS value
FROM (
    SELECT * EXCLUDE (value), from_json(value, '{
        "topic": "VARCHAR", "partition": "VARCHAR", "offset": "VARCHAR", "reason": "VARCHAR", "at": "VARCHAR",
        "key": "VARCHAR", "value": "VARCHAR"
    }') AS r
    FROM batch WHERE target = 'deadletters'
);
