-- By the UTC day on which conversations started, tenant, agent, intent, model and who handled them. Shares are of the
-- conversations for which the answer is known.
--
-- Columns:
-- day: the UTC day on which they started
-- tenant: as in conversations
-- agent_id: as in conversations
-- intent: as in conversations
-- model_served: as in conversations
-- handled_by: as in conversations
-- n: conversations
-- deflection_claimed: share resolved by the AI alone, as claimed
-- deflection_verified: the same, verified; of those that can be followed (repeated_7d is known), whatever came of them:
--   that a conversation was not resolved is known of all, and would count too often
-- cost_usd_per_resolved: all of the group's known cost, over its conversations that were claimed resolved and not found
--   to be otherwise
-- csat_mean: mean of csat
-- csat_n: conversations with csat
-- repeat_rate_7d: share that came back within 7 days
-- handoff_success: share of the handoffs that succeeded, of those for which it is known
-- score_mean: mean of the scorers' marks
-- provisional: the 7 days of some are not over
CREATE OR REPLACE VIEW daily_quality AS
WITH scored AS (
    SELECT log_cluster, conversation_id, avg(score) AS score FROM scores_once GROUP BY ALL
),
handed AS (
    SELECT
        log_cluster, conversation_id,
        count(succeeded) AS handoffs_known,
        count(*) FILTER (succeeded) AS handoffs_succeeded
    FROM handoffs_newest GROUP BY ALL
)
SELECT
    CAST(started_at AT TIME ZONE 'UTC' AS DATE) AS day,
    tenant, agent_id, intent, model_served, handled_by,
    count(*) AS n,
    avg(CAST(coalesce(handled_by = 'ai' AND claimed_resolved, FALSE) AS INTEGER)) AS deflection_claimed,
    avg(CAST(coalesce(handled_by = 'ai' AND verified_resolved, FALSE) AS INTEGER))
    FILTER (repeated_7d IS NOT NULL) AS deflection_verified,
    CAST(
        sum(ai_cost_usd + human_cost_usd)
        / nullif(count(*) FILTER (
            claimed_resolved AND verified_resolved IS DISTINCT FROM FALSE AND ai_cost_usd + human_cost_usd IS NOT NULL
        ), 0) AS DECIMAL(18, 6)
    ) AS cost_usd_per_resolved,
    avg(csat) AS csat_mean,
    count(csat) AS csat_n,
    avg(CAST(repeated_7d AS INTEGER)) AS repeat_rate_7d,
    CAST(sum(handoffs_succeeded) AS DOUBLE) / nullif(sum(handoffs_known), 0) AS handoff_success,
    avg(score) AS score_mean,
    bool_or(provisional) AS provisional
FROM conversations
LEFT JOIN scored USING (log_cluster, conversation_id)
LEFT JOIN handed USING (log_cluster, conversation_id)
GROUP BY ALL;
