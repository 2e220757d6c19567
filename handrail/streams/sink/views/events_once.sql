-- What the governor took for what happened: events without those that became dead letters, each identity (source, id)
-- once. Order is the log's.
--
-- Columns: those of the table events.
CREATE OR REPLACE VIEW events_once AS
SELECT events.*
FROM events
ANTI JOIN deadletters AS refused ON
    refused.log_cluster = events.log_cluster
    AND refused.from_topic = events.log_topic
    AND refused.from_partition = events.log_partition
    AND refused.from_offset = events.log_offset
WHERE conversation_id IS NOT NULL
QUALIFY row_number() OVER (
    PARTITION BY log_cluster, conversation_id, source, id ORDER BY log_partition, log_offset
) = 1;
