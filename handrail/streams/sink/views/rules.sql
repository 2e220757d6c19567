-- One row a rule (policy_id, rule_id), or a detector where there is none (code alone), over all that is stored.
--
-- Columns:
-- code: what fired: policy, or the detector
-- policy_id: the policy
-- rule_id: the rule
-- fired: decisions that name it, repeats once
-- shadow: of these, those in which it only watched
-- approvals: approvals that it asked for in mode enforce; the most restrictive reason wins, so not each was the verdict
-- blocks: blocks, the same
-- halts: halts, the same
-- overridden: handoffs that name it which a human approved or returned, or called needless
-- upheld: of the other handoffs, those denied or called needed
-- regretted: regretted_stop and regretted_allow, of the judged firings; NULL where there is none
-- regretted_stop: blocks, halts and approvals that were not given, after which the customer was unhappy (regrets)
-- regretted_allow: what it allowed, or only watched, after which the customer was unhappy
-- judged: firings for which it is known whether the customer was unhappy
-- skipped: decisions for which a field that it needs was absent
-- first_fired_at: the log's time of its first firing
-- last_fired_at: the log's time of its last firing
CREATE OR REPLACE VIEW rules AS
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
