INSERT INTO unreadable BY NAME
SELECT
    log_cluster, log_topic, log_partition, log_offset, log_time,
    r.reason,
    from_base64(r.key) AS key,
    from_base64(r.value) AS value
FROM (
    SELECT * EXCLUDE (value), from_json(value, '{"reason": "VARCHAR", "key": "VARCHAR", "value": "VARCHAR"}') AS r
    FROM batch WHERE target = 'unreadable'
);
