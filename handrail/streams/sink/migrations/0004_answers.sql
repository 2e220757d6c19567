-- How a conversation was taken, as far as anybody can know: TRUE where the customer came back about the same thing
-- within 7 days or said it did not help, FALSE where neither, NULL where nothing was heard and nobody can be followed.
CREATE VIEW regrets AS
WITH heard AS (
    SELECT log_cluster, conversation_id, coalesce(bool_or(csat <= 2 OR NOT resolved), FALSE) AS negative
    FROM feedback_once GROUP BY ALL
)
SELECT
    log_cluster, conversation_id,
    CASE WHEN negative OR repeated_7d THEN TRUE WHEN negative IS NULL AND repeated_7d IS NULL THEN NULL ELSE FALSE END
        AS unhappy
FROM conversations
LEFT JOIN heard USING (log_cluster, conversation_id);

-- One row a rule (policy_id, rule_id), or a detector where there is none (code alone), over all that is stored.
-- fired: decisions that name it, repeats once; shadow: of these, those in which it only watched. approvals, blocks and
-- halts: what it said in mode enforce; the most restrictive reason wins, so not each of them was the verdict.
-- overridden: handoffs that name it which a human approved or returned, or called needless; upheld: of the others,
-- those denied or called needed. regretted_stop: blocks, halts and approvals that were not given, after which the
-- customer was unhappy (`regrets`); regretted_allow: what it allowed, or only watched, after which the customer was.
-- regretted is their sum, of the `judged` firings for which it is known; NULL where that is none. skipped: decisions
-- for which a field it needs was absent.
CREATE VIEW rules AS
WITH shown AS (
    SELECT DISTINCT
        log_cluster, handoff_id, r.reason.code, r.reason.policy_id, r.reason.rule_id
    FROM (
        SELECT
            log_cluster, handoff_id,
            unnest(from_json(
                record -> '$.data.reasons', '[{"code": "VARCHAR", "policy_id": "VARCHAR", "rule_id": "VARCHAR"}]'
            )) AS reason
        FROM handoffs_newest
    ) AS r
),
answered AS (
    SELECT
        log_cluster, handoff_id,
        coalesce(bool_or(outcome IN ('approved', 'returned') OR NOT handoff_needed), FALSE) AS overridden,
        NOT overridden AND coalesce(bool_or(outcome = 'denied' OR handoff_needed), FALSE) AS upheld,
        bool_or(outcome = 'approved') AS approved
    FROM resolutions_once GROUP BY ALL
),
overruled AS (
    SELECT
        code, policy_id, rule_id,
        count(*) FILTER (overridden) AS overridden,
        count(*) FILTER (upheld) AS upheld
    FROM shown INNER JOIN answered USING (log_cluster, handoff_id)
    GROUP BY ALL
),
fired AS (
    SELECT
        reasons.log_cluster, reasons.log_time, code, policy_id, rule_id, action, mode = 'shadow' AS shadowed,
        NOT shadowed AND (
            action IN ('block', 'halt') OR action = 'require_approval' AND NOT coalesce(approved, FALSE)
        ) AS stopped,
        unhappy
    FROM reasons
    INNER JOIN decisions_once AS decided ON
        decided.log_cluster = reasons.log_cluster
        AND decided.log_partition = reasons.log_partition
        AND decided.log_offset = reasons.log_offset
    LEFT JOIN answered ON
        answered.log_cluster = reasons.log_cluster AND answered.handoff_id = decided.handoff_id
    LEFT JOIN regrets ON
        regrets.log_cluster = reasons.log_cluster AND regrets.conversation_id = reasons.conversation_id
),
counted AS (
    SELECT
        code, policy_id, rule_id,
        count(*) AS fired,
        count(*) FILTER (shadowed) AS shadow,
        count(*) FILTER (NOT shadowed AND action = 'require_approval') AS approvals,
        count(*) FILTER (NOT shadowed AND action = 'block') AS blocks,
        count(*) FILTER (NOT shadowed AND action = 'halt') AS halts,
        count(*) FILTER (unhappy AND stopped) AS regretted_stop,
        count(*) FILTER (unhappy AND (shadowed OR action = 'allow')) AS regretted_allow,
        count(*) FILTER (unhappy IS NOT NULL AND (stopped OR shadowed OR action = 'allow')) AS judged,
        min(log_time) AS first_fired_at,
        max(log_time) AS last_fired_at
    FROM fired GROUP BY ALL
),
passed AS (
    SELECT 'policy' AS code, s.rule.policy_id, s.rule.rule_id, count(*) AS skipped
    FROM (
        SELECT unnest(from_json(
            record -> '$.data.skipped', '[{"policy_id": "VARCHAR", "rule_id": "VARCHAR"}]'
        )) AS rule
        FROM decisions_once WHERE skipped_n > 0
    ) AS s
    GROUP BY ALL
),
known AS (
    SELECT code, policy_id, rule_id FROM counted
    UNION SELECT code, policy_id, rule_id FROM passed
    UNION SELECT code, policy_id, rule_id FROM overruled
)
SELECT
    known.*,
    coalesce(fired, 0) AS fired,
    coalesce(shadow, 0) AS shadow,
    coalesce(approvals, 0) AS approvals,
    coalesce(blocks, 0) AS blocks,
    coalesce(halts, 0) AS halts,
    coalesce(overridden, 0) AS overridden,
    coalesce(upheld, 0) AS upheld,
    CASE WHEN judged > 0 THEN regretted_stop + regretted_allow END AS regretted,
    CASE WHEN judged > 0 THEN regretted_stop END AS regretted_stop,
    CASE WHEN judged > 0 THEN regretted_allow END AS regretted_allow,
    coalesce(judged, 0) AS judged,
    coalesce(skipped, 0) AS skipped,
    first_fired_at, last_fired_at
FROM known
LEFT JOIN counted
    ON counted.code = known.code
    AND counted.policy_id IS NOT DISTINCT FROM known.policy_id
    AND counted.rule_id IS NOT DISTINCT FROM known.rule_id
LEFT JOIN overruled
    ON overruled.code = known.code
    AND overruled.policy_id IS NOT DISTINCT FROM known.policy_id
    AND overruled.rule_id IS NOT DISTINCT FROM known.rule_id
LEFT JOIN passed
    ON passed.code = known.code
    AND passed.policy_id IS NOT DISTINCT FROM known.policy_id
    AND passed.rule_id IS NOT DISTINCT FROM known.rule_id;

-- By the UTC day on which handoffs were opened, their queue, and their first reason; recorded: those of imported
-- history, which nobody works, stand in rows of their own. n: handoffs, each once. answered: a human resolved it;
-- expired: nobody did in time; open: neither yet. The rest were withdrawn or superseded. needed,
-- context_ok and customer_repeated are shares of the handoffs whose humans said so or otherwise; times are from opening
-- to the first claim and to the last resolution, by the log's clock, in seconds.
CREATE VIEW handoff_quality AS
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
timed AS (
    SELECT
        handoffs_newest.*, needed, context_ok, customer_repeated, cost_usd,
        answered_at IS NOT NULL AS resolved,
        (epoch_us(claimed_at) - epoch_us(opened_at)) / 1e6 AS claim_s,
        (epoch_us(answered_at) - epoch_us(opened_at)) / 1e6 AS resolution_s
    FROM handoffs_newest
    LEFT JOIN claimed USING (log_cluster, handoff_id)
    LEFT JOIN answered USING (log_cluster, handoff_id)
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
    CAST(sum(cost_usd) AS DECIMAL(18, 6)) AS human_cost_usd
FROM timed
GROUP BY ALL;

-- One row for each time a customer asked for a person: said so, or pressed the button. Asking again before anyone came
-- is the same request. answered_at: a person wrote, or resolved a handoff, after that. Recorded history is left out:
-- nobody waited in it. state: answered, unmet (its time was up, or the conversation ended, and nobody had come) or
-- waiting; late: answered after due_at.
CREATE VIEW requests_for_a_human AS
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
    SELECT log_cluster, conversation_id, log_time FROM resolutions_once
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

-- By the UTC day on which customers asked for a person, tenant and agent: did everyone get one? asked = answered +
-- unmet + waiting; late are those of the answered for whom the promised time was up. p95_wait_s is of the answered.
CREATE VIEW always_a_human AS
SELECT
    CAST(asked_at AT TIME ZONE 'UTC' AS DATE) AS day,
    tenant, agent_id,
    count(*) AS asked,
    count(*) FILTER (state = 'answered') AS answered,
    quantile_cont(wait_s, 0.95) AS p95_wait_s,
    count(*) FILTER (state = 'unmet') AS unmet,
    count(*) FILTER (state = 'waiting') AS waiting,
    count(*) FILTER (late) AS late
FROM requests_for_a_human
GROUP BY ALL;

-- By the UTC day, tenant, agent and model (as served, where that is known). cost_usd: what agents reported; a call
-- without a report is one of unreported_calls, and the governor counts it at list price (`conversations.ai_cost_usd`).
-- What humans cost stands by the day of their resolution, in a row without a model.
CREATE VIEW spend AS
WITH calls AS (
    SELECT
        happened.log_time,
        coalesce(happened.tenant, conversations.tenant, 'default') AS tenant,
        coalesce(happened.agent_id, conversations.agent_id) AS agent_id,
        coalesce(happened.model_served, happened.model_name) AS model,
        input_tokens, cached_input_tokens, output_tokens, cost_usd, latency_ms
    FROM events_once AS happened
    LEFT JOIN conversations USING (log_cluster, conversation_id)
    WHERE type = 'handrail.llm.completed.v1'
),
humans AS (
    SELECT
        resolutions_once.log_time,
        coalesce(handed.tenant, conversations.tenant, 'default') AS tenant,
        coalesce(handed.agent_id, conversations.agent_id) AS agent_id,
        resolutions_once.cost_usd
    FROM resolutions_once
    LEFT JOIN handoffs_newest AS handed USING (log_cluster, handoff_id)
    LEFT JOIN conversations ON
        conversations.log_cluster = resolutions_once.log_cluster
        AND conversations.conversation_id = resolutions_once.conversation_id
),
both_kinds AS (
    SELECT *, TRUE AS called, FALSE AS helped, NULL AS human_usd FROM calls
    UNION ALL BY NAME
    SELECT log_time, tenant, agent_id, NULL AS model, cost_usd AS human_usd, FALSE AS called, TRUE AS helped FROM humans
)
SELECT
    CAST(log_time AT TIME ZONE 'UTC' AS DATE) AS day,
    tenant, agent_id, model,
    count(*) FILTER (called) AS llm_calls,
    CAST(sum(input_tokens) AS BIGINT) AS input_tokens,
    CAST(sum(cached_input_tokens) AS BIGINT) AS cached_input_tokens,
    CAST(sum(output_tokens) AS BIGINT) AS output_tokens,
    CAST(sum(cost_usd) AS DECIMAL(18, 6)) AS cost_usd,
    count(*) FILTER (called AND cost_usd IS NULL) AS unreported_calls,
    avg(latency_ms) AS latency_ms_mean,
    count(*) FILTER (helped) AS human_answers,
    CAST(sum(human_usd) AS DECIMAL(18, 6)) AS human_cost_usd
FROM both_kinds
GROUP BY ALL;
