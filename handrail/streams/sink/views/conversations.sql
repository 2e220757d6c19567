-- One row a conversation of one cluster. Unknown is NULL.
--
-- Columns:
-- conversation_id: its id; the same id in another cluster is another conversation
-- tenant: as decided, else as the events say, else default
-- agent_id: the latest agent
-- agent_version: the latest version
-- model_served: the latest model, as served where that is known
-- intent: of its latest decision whose topic is not general, else of its first
-- channel: the latest channel
-- ruleset: the bundle of its latest decision
-- route: of its latest decision
-- handled_by: ai, human, mixed (the AI was let in and a person took part); NULL where neither did anything
-- steps: steps of all its executions
-- ai_cost_usd: at list price where the agent gave no cost; NULL where a call had no price, reported no usage, or no
--   call was reported
-- human_cost_usd: sum of its resolutions; 0 where no person took part
-- duration_s: from started_at to ended_at
-- csat: the latest that the customer gave
-- claimed_resolved: the agent or a person said so, at the latest
-- verified_resolved: and the customer neither came back about the same thing within 7 days nor was unhappy
-- repeated_7d: whether the customer came back about the same thing within 7 days; NULL where that cannot be known
-- customer_ref: the customer, as agents gave it
-- started_at: the log's time of its first event
-- ended_at: the log's time of its last event or of a human's resolution; feedback and scores may come later, and
--   controls are no part of it
-- provisional: the 7 days after its end are not over
-- log_cluster: the Kafka cluster
-- log_partition: where its first event lies
-- log_offset: the same
CREATE OR REPLACE VIEW conversations AS
WITH happened AS MATERIALIZED (
    SELECT
        log_cluster, log_topic, log_partition, log_offset, log_time, conversation_id, execution_id, type, tenant,
        agent_id, agent_version, model_name, model_served, customer_ref, channel, role, outcome,
        CASE
            WHEN type = 'handrail.llm.completed.v1'
            THEN coalesce(cost_usd, CASE WHEN record ->> '$.data.cached' = 'true' THEN 0 END)
        END AS cost_usd,
        type = 'handrail.llm.completed.v1' AND input_tokens IS NULL AS unreported,
        type NOT IN ('handrail.feedback.received.v1', 'handrail.evaluation.scored.v1')
        AND type NOT LIKE 'handrail.control.%' AS lives
    FROM events_once
),
-- Steps and cost of each execution. Its latest decision says what the governor had counted up to the answered event,
-- at list price where the agent gave no cost; what calls after that cost, only they can say. An unpriced call makes
-- the cost unknown: a model without a price is not free. So do a call that reported neither its cost nor its usage, and
-- an agent that acts or speaks and reports no call at all. An answer out of a cache cost nothing.
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
        count(*) FILTER (unreported AND cost_usd IS NULL) AS unknown_calls,
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
lived AS (
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
rated AS (
    SELECT
        log_cluster, conversation_id,
        arg_max(csat, log_offset) AS csat,
        coalesce(bool_or(csat <= 2 OR NOT resolved), FALSE) AS negative
    FROM feedback_once GROUP BY ALL
),
known AS (
    SELECT
        lived.* EXCLUDE (tenant, agent_id, human_spoke, ai_spoke, ended_at),
        greatest(lived.ended_at, resolved_at) AS ended_at,
        coalesce(decided.tenant, lived.tenant, 'default') AS tenant,
        coalesce(lived.agent_id, decided.agent_id) AS agent_id,
        route, ruleset, intent, steps, ai_cost_usd, csat, claimed_resolved,
        coalesce(negative, FALSE) AS negative,
        human_spoke OR coalesce(human_owned, FALSE) OR helped.conversation_id IS NOT NULL AS by_human,
        ai_spoke OR coalesce(ai_admitted, FALSE) AS by_ai,
        CASE WHEN by_human AND by_ai THEN 'mixed' WHEN by_human THEN 'human' WHEN by_ai THEN 'ai' END AS handled_by,
        CASE WHEN by_human THEN human_cost_usd ELSE 0 END AS human_cost_usd
    FROM lived
    LEFT JOIN decided USING (log_cluster, conversation_id)
    LEFT JOIN ran USING (log_cluster, conversation_id)
    LEFT JOIN helped USING (log_cluster, conversation_id)
    LEFT JOIN claimed USING (log_cluster, conversation_id)
    LEFT JOIN rated USING (log_cluster, conversation_id)
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
