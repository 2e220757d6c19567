-- By the UTC day on which handoffs were opened, their queue, and their first reason.
--
-- Columns:
-- day: the UTC day on which they were opened
-- tenant: of the handoffs
-- queue: of the handoffs
-- reason_code: their first reason
-- policy_id: of that reason
-- rule_id: of that reason
-- recorded: TRUE for those of imported history, which nobody works
-- n: handoffs, each once
-- answered: a human resolved it
-- expired: nobody did in time
-- open: neither yet; the rest were withdrawn or superseded
-- needed: share that were needed, of those whose humans said so or otherwise
-- context_ok: share that had what was needed, the same
-- customer_repeated: share in which the customer had to say it again, the same
-- completeness_mean: mean completeness of what was handed over
-- claim_s_p50: seconds from opening to the first claim, by the log's clock, median
-- resolution_s_p50: seconds from opening to the last resolution, median
-- resolution_s_p95: the same, 95th percentile
-- human_cost_usd: sum of what the answers cost
-- asked_again: what people had to ask again, each with its number of handoffs; NULL where nothing
-- labels: their labels, each with its number of handoffs; NULL where none
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
