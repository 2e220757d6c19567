INSERT INTO redactions BY NAME
SELECT
    log_cluster, log_topic, log_partition, log_offset, log_time, conversation_id,
    r.path,
    unnest(r.kinds) AS kind
FROM (SELECT *, unnest(redactions) AS r FROM batch WHERE redactions IS NOT NULL);
