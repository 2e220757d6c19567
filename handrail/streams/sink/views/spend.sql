-- By the UTC day, tenant, agent and model. What humans cost stands by the day of their resolution, in a row without a
-- model.
--
-- Columns:
-- day: the UTC day of the call, or of the resolution
-- tenant: of the call or handoff, else of the conversation
-- agent_id: the same
-- model: as served, where that is known; NULL for humans
-- llm_calls: calls of models
-- input_tokens: sum of what was reported
-- cached_input_tokens: of these, those from the provider's cache
-- output_tokens: sum of what was reported
-- cost_usd: sum of what agents reported
-- unreported_calls: calls without a reported cost, which the governor counts at list price (conversations.ai_cost_usd)
-- unknown_calls: those of them that reported no usage either: no sum of this row holds them
-- cached_calls: answers out of a cache, which cost nothing
-- latency_ms_mean: mean latency of the calls
-- human_answers: resolutions
-- human_cost_usd: sum of what they cost
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
