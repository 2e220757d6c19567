-- Calls of models of which nobody told what they used, and answers out of a cache.

-- One row a conversation of one cluster. Unknown is NULL. started_at and ended_at are the log's times of its first event
-- and of its last one or a human's resolution; feedback and scores may come later, and controls are no part of it.
CREATE OR REPLACE VIEW conversations AS
WITH happened AS MATERIALIZED (
    SELECT
        log_cluster, log_topic, log_partition, log_offset, log_time, conversation_id, execution_id, type, tenant,
        agent_id, agent_version, model_name, model_served, customer_ref, channel, role, outcome,
        CASE
            WHEN type = 'handrail.llm.completed.v1'
            THEN coalesce(cost_usd, CASE WHEN record ->> '$.data.cached' = 'true' THEN 0 END)
        END AS cost_usd,
        type = 'handrail.llm.completed.v1' AND input_tokens IS NULL AS untold,
        type NOT IN ('handrail.feedback.received.v1', 'handrail.evaluation.scored.v1')
        AND type NOT LIKE 'handrail.control.%' AS lives
    FROM events_once
),
-- Steps and cost of each execution. Its latest decision says what the governor had counted up to the answered event,
-- at list price where the agent gave no cost; what calls after that cost, only they can say. An unpriced call makes
-- the cost unknown: a model without a price is not free. So do a call that told neither its cost nor its usage, and an
-- agent that acts or speaks and reports no call at all. An answer out of a cache cost nothing.
counted AS (
    SELECT
        log_cluster, conversation_id, execution_id,
        max(steps) AS steps,
        max(cost_usd) AS cost_usd,
        max(unpriced_tokens) AS unpriced_tokens,
        max(event_offset) AS upto
    FROM decisions GROUP BY ALL
),
reported AS (
    SELECT
        log_cluster, conversation_id, execution_id,
        count(*) FILTER (type IN ('handrail.action.proposed.v1', 'handrail.response.proposed.v1')) AS proposals,
        count(*) FILTER (type = 'handrail.llm.completed.v1') AS calls,
        count(*) FILTER (later) AS later_calls,
        count(*) FILTER (later AND cost_usd IS NOT NULL) AS later_priced,
        count(*) FILTER (untold AND cost_usd IS NULL) AS unknown_calls,
        sum(cost_usd) FILTER (later) AS later_usd
    FROM (
        SELECT
            happened.*,
            type = 'handrail.llm.completed.v1' AND log_offset > coalesce(upto, -1) AS later
        FROM happened
        LEFT JOIN counted USING (log_cluster, conversation_id, execution_id)
        WHERE
            type LIKE 'handrail.%.proposed.v1' OR type = 'handrail.llm.completed.v1'
            OR type = 'handrail.action.executed.v1' OR role = 'assistant'
    )
    GROUP BY ALL
),
executions AS (
    SELECT
        log_cluster, conversation_id, execution_id,
        coalesce(steps, proposals) AS steps,
        CASE
            WHEN unpriced_tokens > 0 OR unknown_calls > 0 OR later_priced < later_calls THEN NULL
            WHEN calls = 0 AND coalesce(counted.cost_usd, 0) = 0 THEN NULL
            ELSE CAST(coalesce(counted.cost_usd, 0) + coalesce(later_usd, 0) AS DECIMAL(18, 6))
        END AS cost_usd,
        counted.cost_usd IS NOT NULL OR later_calls > 0 AS costed
    FROM reported
    FULL JOIN counted USING (log_cluster, conversation_id, execution_id)
),
told AS (
    SELECT
        log_cluster, conversation_id,
        arg_min(log_partition, log_offset) FILTER (lives) AS log_partition,
        min(log_offset) FILTER (lives) AS log_offset,
        min(log_time) FILTER (lives) AS started_at,
        max(log_time) FILTER (lives) AS ended_at,
        arg_max(tenant, log_offset) AS tenant,
        arg_max(agent_id, log_offset) AS agent_id,
        arg_max(agent_version, log_offset) AS agent_version,
        arg_max(coalesce(model_served, model_name), log_offset) AS model_served,
        arg_max(channel, log_offset) AS channel,
        arg_max(customer_ref, log_offset) AS customer_ref,
        coalesce(bool_or(role = 'human_agent' OR outcome = 'transferred'), FALSE) AS human_spoke,
        coalesce(bool_or(role = 'assistant' OR type = 'handrail.action.executed.v1'), FALSE) AS ai_spoke
    FROM happened
    GROUP BY ALL
    HAVING bool_or(lives)
),
decided AS (
    SELECT
        log_cluster, conversation_id,
        arg_max(tenant, log_offset) AS tenant,
        arg_max(nullif(agent_id, ''), log_offset) AS agent_id,
        arg_max(route, log_offset) AS route,
        arg_max(ruleset, log_offset) AS ruleset,
        coalesce(
            arg_max(intent, log_offset) FILTER (topic <> 'general'), arg_min(intent, log_offset)
        ) AS intent,
        bool_or(route = 'human') AS human_owned,
        bool_or(kind = 'route' AND route <> 'human') AS ai_admitted
    FROM decisions_once GROUP BY ALL
),
ran AS (
    SELECT
        log_cluster, conversation_id,
        CAST(sum(steps) AS BIGINT) AS steps,
        CASE
            WHEN count(cost_usd) = count(*) AND bool_or(costed) THEN CAST(sum(cost_usd) AS DECIMAL(18, 6))
        END AS ai_cost_usd
    FROM executions GROUP BY ALL
),
helped AS (
    SELECT
        log_cluster, conversation_id,
        CAST(sum(cost_usd) AS DECIMAL(18, 6)) AS human_cost_usd,
        max(log_time) AS resolved_at
    FROM resolutions_once GROUP BY ALL
),
claims AS (
    SELECT log_cluster, conversation_id, log_time, log_topic, log_offset, outcome = 'resolved' AS resolved
    FROM happened WHERE type = 'handrail.execution.ended.v1'
    UNION ALL
    SELECT log_cluster, conversation_id, log_time, log_topic, log_offset, TRUE
    FROM resolutions_once WHERE outcome = 'resolved'
),
claimed AS (
    SELECT
        log_cluster, conversation_id,
        arg_max(resolved, row(log_time, log_topic, log_offset)) AS claimed_resolved
    FROM claims GROUP BY ALL
),
heard AS (
    SELECT
        log_cluster, conversation_id,
        arg_max(csat, log_offset) AS csat,
        coalesce(bool_or(csat <= 2 OR NOT resolved), FALSE) AS negative
    FROM feedback_once GROUP BY ALL
),
known AS (
    SELECT
        told.* EXCLUDE (tenant, agent_id, human_spoke, ai_spoke, ended_at),
        greatest(told.ended_at, resolved_at) AS ended_at,
        coalesce(decided.tenant, told.tenant, 'default') AS tenant,
        coalesce(told.agent_id, decided.agent_id) AS agent_id,
        route, ruleset, intent, steps, ai_cost_usd, csat, claimed_resolved,
        coalesce(negative, FALSE) AS negative,
        human_spoke OR coalesce(human_owned, FALSE) OR helped.conversation_id IS NOT NULL AS by_human,
        ai_spoke OR coalesce(ai_admitted, FALSE) AS by_ai,
        CASE WHEN by_human AND by_ai THEN 'mixed' WHEN by_human THEN 'human' WHEN by_ai THEN 'ai' END AS handled_by,
        CASE WHEN by_human THEN human_cost_usd ELSE 0 END AS human_cost_usd
    FROM told
    LEFT JOIN decided USING (log_cluster, conversation_id)
    LEFT JOIN ran USING (log_cluster, conversation_id)
    LEFT JOIN helped USING (log_cluster, conversation_id)
    LEFT JOIN claimed USING (log_cluster, conversation_id)
    LEFT JOIN heard USING (log_cluster, conversation_id)
),
-- Who came back: the same customer, about the same thing, until 7 days after the end, in another conversation (an id
-- may come again on another cluster). Where an intent is unknown, whether it was the same thing is unknown too.
returned AS (
    SELECT
        log_cluster, conversation_id,
        CASE
            WHEN intent IS NOT NULL AND (same_low <> conversation_id OR same_high <> conversation_id) THEN TRUE
            WHEN intent IS NULL AND (any_low <> conversation_id OR any_high <> conversation_id) THEN NULL
            WHEN vague_low <> conversation_id OR vague_high <> conversation_id THEN NULL
            ELSE FALSE
        END AS repeated_7d
    FROM (
        SELECT
            log_cluster, conversation_id, intent,
            min(conversation_id) OVER about AS same_low,
            max(conversation_id) OVER about AS same_high,
            min(conversation_id) OVER anything AS any_low,
            max(conversation_id) OVER anything AS any_high,
            min(conversation_id) FILTER (intent IS NULL) OVER anything AS vague_low,
            max(conversation_id) FILTER (intent IS NULL) OVER anything AS vague_high
        FROM known
        WHERE customer_ref IS NOT NULL
        WINDOW
            about AS (
                PARTITION BY tenant, customer_ref, intent ORDER BY started_at
                RANGE BETWEEN INTERVAL 1 MICROSECOND FOLLOWING
                AND (ended_at - started_at + INTERVAL 7 DAYS) FOLLOWING
            ),
            anything AS (
                PARTITION BY tenant, customer_ref ORDER BY started_at
                RANGE BETWEEN INTERVAL 1 MICROSECOND FOLLOWING
                AND (ended_at - started_at + INTERVAL 7 DAYS) FOLLOWING
            )
    )
),
clock AS (
    SELECT max(log_time) AS now FROM (
        SELECT log_time FROM events UNION ALL SELECT log_time FROM decisions
        UNION ALL SELECT log_time FROM handoffs UNION ALL SELECT log_time FROM resolutions
    )
)
SELECT
    conversation_id, tenant, agent_id, agent_version, model_served, intent, channel, ruleset, route, handled_by, steps,
    ai_cost_usd, human_cost_usd,
    (epoch_us(ended_at) - epoch_us(started_at)) / 1e6 AS duration_s,
    csat, claimed_resolved,
    claimed_resolved AND NOT repeated_7d AND NOT negative AS verified_resolved,
    repeated_7d, customer_ref, started_at, ended_at,
    ended_at + INTERVAL 7 DAYS > (SELECT now FROM clock) AS provisional,
    log_cluster, log_partition, log_offset
FROM known
LEFT JOIN returned USING (log_cluster, conversation_id);

-- By the UTC day, tenant, agent and model (as served, where that is known). cost_usd: what agents reported; a call
-- without a report is one of unreported_calls, and the governor counts it at list price (`conversations.ai_cost_usd`).
-- unknown_calls are those of them that told no usage either: no sum of this row holds them. cached_calls: answers out of
-- a cache, which cost nothing. What humans cost stands by the day of their resolution, in a row without a model.
CREATE OR REPLACE VIEW spend AS
WITH calls AS (
    SELECT
        happened.log_time,
        coalesce(happened.tenant, conversations.tenant, 'default') AS tenant,
        coalesce(happened.agent_id, conversations.agent_id) AS agent_id,
        coalesce(happened.model_served, happened.model_name) AS model,
        input_tokens, cached_input_tokens, output_tokens, latency_ms,
        coalesce(record ->> '$.data.cached' = 'true', FALSE) AS cached,
        coalesce(cost_usd, CASE WHEN cached THEN 0 END) AS cost_usd
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
    count(*) FILTER (called AND cost_usd IS NULL AND input_tokens IS NULL) AS unknown_calls,
    count(*) FILTER (called AND cached) AS cached_calls,
    avg(latency_ms) AS latency_ms_mean,
    count(*) FILTER (helped) AS human_answers,
    CAST(sum(human_usd) AS DECIMAL(18, 6)) AS human_cost_usd
FROM both_kinds
GROUP BY ALL;
