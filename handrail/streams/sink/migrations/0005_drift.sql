-- What is watched for drift: a row for each observation of each measure, by the UTC day. bin: where it falls, a category
-- or the lower edge of a range; NULL where only its mean is watched. value: as a number, where it is one. Conversations
-- count on the day on which they started, what agents said of their confidence and decisions on that of the event.
CREATE VIEW drift_rows AS
WITH seen AS MATERIALIZED (
    SELECT *, CAST(started_at AT TIME ZONE 'UTC' AS DATE) AS day FROM conversations
),
scored AS (
    SELECT log_cluster, conversation_id, avg(score) AS score FROM scores_once GROUP BY ALL
),
told AS (
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
SELECT * FROM told WHERE agent_id IS NOT NULL;

CREATE VIEW drift_bins AS
SELECT log_cluster, day, tenant, agent_id, measure, bin, count(*) AS n, sum(value) AS total
FROM drift_rows GROUP BY ALL;

-- The newest baseline that was set for each agent as a whole: UTC days, baseline_to is not part of it.
CREATE VIEW baselines_set AS
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

-- Each measure against the frozen baseline and against yesterday, as streams/quality/psi.py has it: a day speaks from
-- 20 observations on, a baseline from 100 on, and once it is over; else NULL. psi_baseline up to about
-- (bins - 1) * (1/n + 1/baseline_n) is chance on most days.
CREATE VIEW drift_daily AS
WITH every AS MATERIALIZED (SELECT * FROM drift_bins),
bins AS (
    SELECT * FROM every WHERE measure IN ('intents', 'verdicts', 'confidence', 'score', 'csat', 'cost_usd')
),
spans AS (
    SELECT
        log_cluster, tenant, agent_id,
        coalesce(any_value(baseline_from), min(day)) AS baseline_from,
        coalesce(any_value(baseline_to), min(day) + 28) AS baseline_to
    FROM every
    LEFT JOIN baselines_set USING (log_cluster, agent_id)
    GROUP BY ALL
),
days AS (
    SELECT DISTINCT log_cluster, tenant, agent_id, measure, day, baseline_from, baseline_to
    FROM bins JOIN spans USING (log_cluster, tenant, agent_id)
),
-- What each day is compared with, beside it: every bin that either has.
compared AS (
    SELECT days.*, bin, n, total, 0 AS baseline_n, NULL AS baseline_total, 0 AS yesterday_n, NULL AS yesterday_total
    FROM days JOIN bins USING (log_cluster, tenant, agent_id, measure, day)
    UNION ALL
    SELECT days.*, bin, 0, NULL, sum(n), sum(total), 0, NULL
    FROM days JOIN bins USING (log_cluster, tenant, agent_id, measure)
    WHERE bins.day >= baseline_from AND bins.day < baseline_to AND days.day >= baseline_to
    GROUP BY ALL
    UNION ALL
    SELECT days.*, bin, 0, NULL, 0, NULL, n, total
    FROM days JOIN bins USING (log_cluster, tenant, agent_id, measure)
    WHERE bins.day = days.day - 1
),
beside AS (
    SELECT
        log_cluster, day, tenant, agent_id, measure, baseline_from, baseline_to, bin,
        sum(n) AS n, sum(baseline_n) AS baseline_n, sum(yesterday_n) AS yesterday_n,
        sum(total) AS total, sum(baseline_total) AS baseline_total, sum(yesterday_total) AS yesterday_total
    FROM compared GROUP BY ALL
),
smoothed AS (
    SELECT
        *,
        n > 0 OR baseline_n > 0 AS of_baseline,
        n > 0 OR yesterday_n > 0 AS of_yesterday,
        count(*) FILTER (of_baseline) OVER measured AS baseline_bins,
        count(*) FILTER (of_yesterday) OVER measured AS yesterday_bins,
        (n + 0.5e0) / (sum(n) OVER measured + 0.5e0 * baseline_bins) AS share_beside_baseline,
        (n + 0.5e0) / (sum(n) OVER measured + 0.5e0 * yesterday_bins) AS share_beside_yesterday,
        (baseline_n + 0.5e0) / (sum(baseline_n) OVER measured + 0.5e0 * baseline_bins) AS share_of_baseline,
        (yesterday_n + 0.5e0) / (sum(yesterday_n) OVER measured + 0.5e0 * yesterday_bins) AS share_of_yesterday
    FROM beside
    WINDOW measured AS (PARTITION BY log_cluster, day, tenant, agent_id, measure)
)
SELECT
    day, tenant, agent_id, measure,
    CAST(sum(total) AS DOUBLE) / nullif(sum(n), 0) AS value,
    CAST(sum(baseline_total) AS DOUBLE) / nullif(sum(baseline_n), 0) AS baseline_value,
    CAST(sum(yesterday_total) AS DOUBLE) / nullif(sum(yesterday_n), 0) AS yesterday_value,
    CASE WHEN sum(n) >= 20 AND sum(baseline_n) >= 100 THEN
        sum((share_beside_baseline - share_of_baseline) * ln(share_beside_baseline / share_of_baseline))
        FILTER (of_baseline)
    END AS psi_baseline,
    CASE WHEN sum(n) >= 20 AND sum(yesterday_n) >= 20 THEN
        sum((share_beside_yesterday - share_of_yesterday) * ln(share_beside_yesterday / share_of_yesterday))
        FILTER (of_yesterday)
    END AS psi_yesterday,
    CAST(sum(n) AS BIGINT) AS n,
    CAST(sum(baseline_n) AS BIGINT) AS baseline_n,
    CAST(sum(yesterday_n) AS BIGINT) AS yesterday_n,
    baseline_from, baseline_to, log_cluster
FROM smoothed
GROUP BY ALL;

-- What the sink has judged: a row for each day that is over, each agent, and each detector that had enough to speak.
-- quiet_days: since the detector fired last, where an episode is open.
CREATE TABLE drift_verdicts (
    log_cluster VARCHAR NOT NULL,
    day DATE NOT NULL,
    tenant VARCHAR NOT NULL,
    agent_id VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    measure VARCHAR NOT NULL,
    baseline_from DATE NOT NULL,
    baseline_to DATE NOT NULL,
    alarm BOOLEAN NOT NULL,
    quiet_days INTEGER
);

-- Days before judged_to are judged.
CREATE TABLE drift_progress (
    log_cluster VARCHAR PRIMARY KEY,
    judged_to DATE NOT NULL
);

-- Alerts that are not known to be on their topic yet. They are kept before they are sent: after a crash they are sent
-- again, the same to the byte.
CREATE TABLE alerts_unsent (
    log_cluster VARCHAR NOT NULL,
    subject VARCHAR NOT NULL,
    record VARCHAR NOT NULL
);

-- An alert that was sent again counts once.
CREATE VIEW alerts_once AS
SELECT * FROM alerts
QUALIFY row_number() OVER (PARTITION BY log_cluster, alert_id ORDER BY log_partition, log_offset) = 1;
