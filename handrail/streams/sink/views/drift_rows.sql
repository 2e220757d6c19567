-- What is watched for drift: a row for each observation of each measure, by the UTC day.
--
-- Columns:
-- log_cluster: the Kafka cluster
-- day: of conversations the UTC day on which they started; of confidence and decisions that of the event
-- tenant: of the conversation
-- agent_id: of the conversation
-- conversation_id: the conversation
-- measure: intents, csat, cost_usd, score, deflection, verified, repeated, confidence or verdicts
-- bin: where the observation falls, a category or the lower edge of a range; NULL where only the mean is watched
-- value: the observation as a number, where it is one
CREATE OR REPLACE VIEW drift_rows AS
WITH seen AS MATERIALIZED (
    SELECT *, CAST(started_at AT TIME ZONE 'UTC' AS DATE) AS day FROM conversations
),
scored AS (
    SELECT log_cluster, conversation_id, avg(score) AS score FROM scores_once GROUP BY ALL
),
observed AS (
    SELECT log_cluster, day, tenant, agent_id, conversation_id, 'intents' AS measure, intent AS bin, NULL AS value
    FROM seen WHERE intent IS NOT NULL
    UNION ALL
    SELECT log_cluster, day, tenant, agent_id, conversation_id, 'csat', CAST(csat AS VARCHAR), csat
    FROM seen WHERE csat IS NOT NULL
    UNION ALL
    SELECT
        log_cluster, day, tenant, agent_id, conversation_id, 'cost_usd',
        CAST(list_last(list_filter(
            [0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0]::DOUBLE[],
            lambda edge: edge <= CAST(ai_cost_usd + human_cost_usd AS DOUBLE)
        )) AS VARCHAR),
        CAST(ai_cost_usd + human_cost_usd AS DOUBLE)
    FROM seen WHERE ai_cost_usd + human_cost_usd IS NOT NULL
    UNION ALL
    SELECT
        log_cluster, day, tenant, agent_id, conversation_id, 'score',
        CAST(list_last(list_filter(
            [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]::DOUBLE[], lambda edge: edge <= score
        )) AS VARCHAR),
        score
    FROM seen JOIN scored USING (log_cluster, conversation_id)
    UNION ALL
    SELECT
        log_cluster, day, tenant, agent_id, conversation_id, 'deflection', NULL,
        CAST(coalesce(handled_by = 'ai' AND claimed_resolved, FALSE) AS INTEGER)
    FROM seen
    UNION ALL
    SELECT
        log_cluster, day, tenant, agent_id, conversation_id, 'verified', NULL,
        CAST(coalesce(handled_by = 'ai' AND verified_resolved, FALSE) AS INTEGER)
    FROM seen WHERE repeated_7d IS NOT NULL
    UNION ALL
    SELECT log_cluster, day, tenant, agent_id, conversation_id, 'repeated', NULL, CAST(repeated_7d AS INTEGER)
    FROM seen WHERE repeated_7d IS NOT NULL
    UNION ALL
    SELECT
        log_cluster, CAST(log_time AT TIME ZONE 'UTC' AS DATE), coalesce(tenant, 'default'), agent_id, conversation_id,
        'confidence',
        CAST(list_last(list_filter(
            [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]::DOUBLE[], lambda edge: edge <= confidence
        )) AS VARCHAR),
        confidence
    FROM events_once WHERE confidence IS NOT NULL
    UNION ALL
    SELECT
        decided.log_cluster, CAST(asked.log_time AT TIME ZONE 'UTC' AS DATE), decided.tenant,
        nullif(decided.agent_id, ''), decided.conversation_id, 'verdicts', decided.kind || ' ' || decided.verdict, NULL
    FROM decisions_once AS decided
    JOIN events AS asked ON
        asked.log_cluster = decided.log_cluster
        AND asked.log_partition = decided.event_partition
        AND asked.log_offset = decided.event_offset
)
SELECT * FROM observed WHERE agent_id IS NOT NULL;
