-- What people said of handoffs, as far as it counted: which answers count, their labels, and who really came.

-- Each answer of a person once, of those that counted or still may. Left out is what became a dead letter itself, whose
-- copy in the conversation's partition was refused (it was not signed by who may), and what was folded after its handoff
-- had been closed (somebody was first, or it had expired). That a webhook about an answer was given up says nothing of
-- the answer.
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

-- One row for each label of an answer: a word, each of a list of words, or `name=value` of an object. With the handoff's
-- queue and its first reason, so that labels can be counted by rule.
CREATE VIEW resolution_labels AS
WITH labelled AS (
    SELECT log_cluster, handoff_id, conversation_id, outcome, by_id, log_time, record -> '$.data.labels' AS labels
    FROM resolutions_once
),
words AS (
    SELECT
        * EXCLUDE (labels),
        unnest(CASE json_type(labels)
            WHEN 'ARRAY' THEN from_json(labels, '["VARCHAR"]')
            WHEN 'OBJECT' THEN list_transform(
                json_keys(labels), lambda name: concat(name, '=', json_extract_string(labels, concat('$."', name, '"')))
            )
            WHEN 'NULL' THEN []
            ELSE [labels ->> '$']
        END) AS label
    FROM labelled WHERE labels IS NOT NULL
)
SELECT
    words.log_cluster, words.handoff_id, words.conversation_id, words.label, words.outcome, words.by_id,
    words.log_time AS answered_at, tenant, agent_id, queue, reason_code, policy_id, rule_id
FROM words
LEFT JOIN handoffs_newest AS handed
    ON handed.log_cluster = words.log_cluster AND handed.handoff_id = words.handoff_id;

-- As before, and what people had to ask again (`asked_again`) and their labels, each with the number of handoffs that
-- have it; NULL where nobody said any.
CREATE OR REPLACE VIEW handoff_quality AS
WITH claimed AS (
    SELECT log_cluster, handoff_id, min(log_time) AS claimed_at
    FROM resolutions WHERE type = 'handrail.handoff.claimed.v1' GROUP BY ALL
),
answered AS (
    SELECT
        log_cluster, handoff_id,
        bool_or(handoff_needed) AS needed,
        bool_and(context_ok) AS context_ok,
        bool_or(customer_repeated) AS customer_repeated,
        max(log_time) AS answered_at,
        sum(cost_usd) AS cost_usd
    FROM resolutions_once GROUP BY ALL
),
asked AS (
    SELECT log_cluster, handoff_id, list(what) AS asked_again
    FROM (
        SELECT DISTINCT log_cluster, handoff_id, unnest(context_missing) AS what FROM resolutions_once
    )
    GROUP BY ALL
),
labelled AS (
    SELECT log_cluster, handoff_id, list(DISTINCT label) AS labels FROM resolution_labels GROUP BY ALL
),
timed AS (
    SELECT
        handoffs_newest.*, needed, context_ok, customer_repeated, cost_usd, asked_again, labels,
        answered_at IS NOT NULL AS resolved,
        (epoch_us(claimed_at) - epoch_us(opened_at)) / 1e6 AS claim_s,
        (epoch_us(answered_at) - epoch_us(opened_at)) / 1e6 AS resolution_s
    FROM handoffs_newest
    LEFT JOIN claimed USING (log_cluster, handoff_id)
    LEFT JOIN answered USING (log_cluster, handoff_id)
    LEFT JOIN asked USING (log_cluster, handoff_id)
    LEFT JOIN labelled USING (log_cluster, handoff_id)
)
SELECT
    CAST(opened_at AT TIME ZONE 'UTC' AS DATE) AS day,
    tenant, queue, reason_code, policy_id, rule_id, coalesce(recorded, FALSE) AS recorded,
    count(*) AS n,
    count(*) FILTER (resolved) AS answered,
    count(*) FILTER (NOT resolved AND closed_by = 'expired') AS expired,
    count(*) FILTER (NOT resolved AND closed_by IS NULL) AS open,
    avg(CAST(needed AS INTEGER)) AS needed,
    avg(CAST(context_ok AS INTEGER)) AS context_ok,
    avg(CAST(customer_repeated AS INTEGER)) AS customer_repeated,
    avg(completeness) AS completeness_mean,
    quantile_cont(claim_s, 0.5) AS claim_s_p50,
    quantile_cont(resolution_s, 0.5) AS resolution_s_p50,
    quantile_cont(resolution_s, 0.95) AS resolution_s_p95,
    CAST(sum(cost_usd) AS DECIMAL(18, 6)) AS human_cost_usd,
    list_aggregate(nullif(flatten(list(asked_again)), []), 'histogram') AS asked_again,
    list_aggregate(nullif(flatten(list(labels)), []), 'histogram') AS labels
FROM timed
GROUP BY ALL;

-- As before; but who approves or denies an action has not come to the customer.
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
