-- Each answer of a person once, of those that counted or still may. Left out is what became a dead letter itself, whose
-- copy in the conversation's partition was refused (it was not signed by an authorised source), and what was folded
-- after its handoff had been closed (somebody was first, or it had expired). That a webhook about an answer was given
-- up says nothing of the answer.
--
-- Columns: those of the table resolutions.
CREATE OR REPLACE VIEW resolutions_once AS
WITH copies AS (
    SELECT
        log_cluster, log_topic, log_partition, log_offset, log_time, conversation_id,
        record ->> '$.data.source' AS source, record ->> '$.data.id' AS id,
        record ->> '$.data.resolution.handoff_id' AS handoff_id
    FROM events WHERE type = 'handrail.control.resolution.v1'
),
ended AS (
    SELECT log_cluster, handoff_id, min(TRY_CAST(record ->> '$.data.at' AS TIMESTAMPTZ)) AS ended_at
    FROM handoffs WHERE type = 'handrail.handoff.closed.v1' GROUP BY ALL
),
late AS (
    SELECT log_cluster, conversation_id, source, id
    FROM copies INNER JOIN ended USING (log_cluster, handoff_id)
    GROUP BY ALL HAVING min(copies.log_time) > min(ended_at)
),
forged AS (
    SELECT DISTINCT copies.log_cluster, copies.conversation_id, copies.source, copies.id
    FROM copies
    INNER JOIN deadletters AS refused ON
        refused.log_cluster = copies.log_cluster
        AND refused.from_topic = copies.log_topic
        AND refused.from_partition = copies.log_partition
        AND refused.from_offset = copies.log_offset
)
SELECT resolutions.*
FROM resolutions
ANTI JOIN deadletters AS refused ON
    refused.log_cluster = resolutions.log_cluster
    AND refused.from_topic = resolutions.log_topic
    AND refused.from_partition = resolutions.log_partition
    AND refused.from_offset = resolutions.log_offset
    AND NOT starts_with(refused.reason, 'webhook ')
ANTI JOIN forged ON
    forged.log_cluster = resolutions.log_cluster
    AND forged.conversation_id = resolutions.conversation_id
    AND forged.source = resolutions.source
    AND forged.id = resolutions.id
ANTI JOIN late ON
    late.log_cluster = resolutions.log_cluster
    AND late.conversation_id = resolutions.conversation_id
    AND late.source = resolutions.source
    AND late.id = resolutions.id
WHERE type = 'handrail.resolution.v1'
QUALIFY row_number() OVER (
    PARTITION BY resolutions.log_cluster, resolutions.conversation_id, resolutions.source, resolutions.id
    ORDER BY log_partition, log_offset
) = 1;
