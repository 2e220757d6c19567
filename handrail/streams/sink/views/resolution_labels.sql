-- One row for each label of an answer, with the handoff's queue and its first reason, so that labels can be counted by
-- rule.
--
-- Columns:
-- log_cluster: the Kafka cluster
-- handoff_id: the handoff
-- conversation_id: the conversation
-- label: a word, each of a list of words, or name=value of an object
-- outcome: of the answer
-- by_id: who answered
-- answered_at: the log's time of the answer
-- tenant: of the handoff
-- agent_id: of the handoff
-- queue: of the handoff
-- reason_code: its first reason
-- policy_id: of its first reason
-- rule_id: of its first reason
CREATE OR REPLACE VIEW resolution_labels AS
WITH labelled AS (
    SELECT log_cluster, handoff_id, conversation_id, outcome, by_id, log_time, record -> '$.data.labels' AS labels
    FROM resolutions_once
),
words AS (
    SELECT
        * EXCLUDE (labels),
        unnest(CASE json_type(labels)
            WHEN 'ARRAY' THEN from_json(labels, '["VARCHAR"]')
            WHEN 'OBJECT' THEN list_transform(
                json_keys(labels), lambda name: concat(name, '=', json_extract_string(labels, concat('$."', name, '"')))
            )
            WHEN 'NULL' THEN []
            ELSE [labels ->> '$']
        END) AS label
    FROM labelled WHERE labels IS NOT NULL
)
SELECT
    words.log_cluster, words.handoff_id, words.conversation_id, words.label, words.outcome, words.by_id,
    words.log_time AS answered_at, tenant, agent_id, queue, reason_code, policy_id, rule_id
FROM words
LEFT JOIN handoffs_newest AS handed
    ON handed.log_cluster = words.log_cluster AND handed.handoff_id = words.handoff_id;
