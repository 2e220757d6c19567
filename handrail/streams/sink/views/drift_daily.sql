-- Each measure against the frozen baseline and against yesterday, as streams/quality/psi.py computes it.
--
-- Columns:
-- day: the UTC day
-- tenant: as in drift_rows
-- agent_id: as in drift_rows
-- measure: intents, verdicts, confidence, score, csat or cost_usd
-- value: mean of the day
-- baseline_value: mean of the baseline
-- yesterday_value: mean of the day before
-- psi_baseline: population stability index against the baseline; NULL below 20 observations of the day or 100 of the
--   baseline, and until that is over; up to about (bins - 1) * (1/n + 1/baseline_n) is chance on most days
-- psi_yesterday: the same against the day before; NULL below 20 observations of either
-- n: observations of the day
-- baseline_n: observations of the baseline
-- yesterday_n: observations of the day before
-- baseline_from: first UTC day of the baseline
-- baseline_to: the UTC day after its last one
-- log_cluster: the Kafka cluster
CREATE OR REPLACE VIEW drift_daily AS
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
paired AS (
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
    FROM paired
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
