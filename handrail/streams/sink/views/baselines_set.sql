-- The newest baseline that was set for each agent as a whole.
--
-- Columns:
-- log_cluster: the Kafka cluster
-- agent_id: the agent
-- baseline_from: its first UTC day
-- baseline_to: the UTC day after its last one
CREATE OR REPLACE VIEW baselines_set AS
SELECT
    log_cluster, agent_id,
    CAST(TRY_CAST(upper((record ->> '$.data.from')) AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS DATE) AS baseline_from,
    CAST(TRY_CAST(upper((record ->> '$.data.to')) AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS DATE) AS baseline_to
FROM events
ANTI JOIN deadletters AS refused ON
    refused.log_cluster = events.log_cluster
    AND refused.from_topic = events.log_topic
    AND refused.from_partition = events.log_partition
    AND refused.from_offset = events.log_offset
WHERE
    type = 'handrail.control.baseline.set.v1' AND (record ->> '$.data.intent') IS NULL AND baseline_from < baseline_to
QUALIFY row_number() OVER (
    PARTITION BY log_cluster, agent_id ORDER BY log_time DESC, log_partition, log_offset DESC
) = 1;
