-- One row for each time a customer asked for a person: said so, or pressed the button. Asking again before anyone came
-- is the same request. Recorded history is left out: nobody waited in it.
--
-- Columns:
-- log_cluster: the Kafka cluster
-- conversation_id: the conversation
-- tenant: as in conversations
-- agent_id: as in conversations
-- asked_at: the log's time of the request
-- answered_at: a person wrote, or resolved a handoff that is no approval, after that
-- due_at: the promised time, of the handoff
-- wait_s: from asked_at to answered_at
-- state: answered, unmet (its time was up, or the conversation ended, and nobody had come) or waiting
-- late: answered after due_at
CREATE OR REPLACE VIEW requests_for_a_human AS
WITH asks AS (
    SELECT log_cluster, conversation_id, log_time AS asked_at
    FROM events_once WHERE type = 'handrail.human.requested.v1' AND NOT coalesce(recorded, FALSE)
    UNION
    SELECT reasons.log_cluster, reasons.conversation_id, asked.log_time
    FROM reasons
    INNER JOIN decisions_once AS decided USING (log_cluster, log_partition, log_offset)
    INNER JOIN events AS asked ON
        asked.log_cluster = decided.log_cluster
        AND asked.log_partition = decided.event_partition
        AND asked.log_offset = decided.event_offset
    WHERE reasons.code = 'customer.asked' AND NOT coalesce(decided.recorded, FALSE)
),
came AS (
    SELECT log_cluster, conversation_id, log_time AS came_at
    FROM events_once WHERE type = 'handrail.message.sent.v1' AND role = 'human_agent'
    UNION ALL
    SELECT answers.log_cluster, answers.conversation_id, answers.log_time
    FROM resolutions_once AS answers
    LEFT JOIN handoffs_newest AS handed
        ON handed.log_cluster = answers.log_cluster AND handed.handoff_id = answers.handoff_id
    WHERE handed.kind IS DISTINCT FROM 'approval'
),
requests AS (
    SELECT log_cluster, conversation_id, answered_at, min(asked_at) AS asked_at
    FROM (
        SELECT asks.*, came_at AS answered_at
        FROM asks ASOF LEFT JOIN came ON
            asks.log_cluster = came.log_cluster
            AND asks.conversation_id = came.conversation_id
            AND asks.asked_at <= came.came_at
    )
    GROUP BY ALL
),
promised AS (
    SELECT requests.log_cluster, requests.conversation_id, requests.asked_at, min(due_at) AS due_at
    FROM requests
    INNER JOIN handoffs_newest AS handed ON
        handed.log_cluster = requests.log_cluster
        AND handed.conversation_id = requests.conversation_id
        AND handed.kind <> 'approval'
        AND handed.due_at > requests.asked_at
    GROUP BY ALL
),
gone AS (
    SELECT log_cluster, conversation_id, max(log_time) AS gone_at
    FROM events_once
    WHERE type = 'handrail.execution.ended.v1' AND outcome NOT IN ('transferred', 'halted')
    GROUP BY ALL
),
clock AS (
    SELECT max(log_time) AS now FROM (
        SELECT log_time FROM events UNION ALL SELECT log_time FROM decisions
        UNION ALL SELECT log_time FROM handoffs UNION ALL SELECT log_time FROM resolutions
    )
)
SELECT
    requests.log_cluster, requests.conversation_id, tenant, agent_id, asked_at, answered_at, due_at,
    (epoch_us(answered_at) - epoch_us(asked_at)) / 1e6 AS wait_s,
    CASE
        WHEN answered_at IS NOT NULL THEN 'answered'
        WHEN due_at <= (SELECT now FROM clock) OR gone_at >= asked_at THEN 'unmet'
        ELSE 'waiting'
    END AS state,
    coalesce(answered_at > due_at, FALSE) AS late
FROM requests
LEFT JOIN promised USING (log_cluster, conversation_id, asked_at)
LEFT JOIN gone USING (log_cluster, conversation_id)
LEFT JOIN conversations USING (log_cluster, conversation_id);
