-- How a conversation was received by the customer.
--
-- Columns:
-- log_cluster: the Kafka cluster
-- conversation_id: the conversation
-- unhappy: TRUE where the customer came back about the same thing within 7 days or said it did not help, FALSE where
--   neither, NULL where the customer said nothing and cannot be followed
CREATE OR REPLACE VIEW regrets AS
WITH rated AS (
    SELECT log_cluster, conversation_id, coalesce(bool_or(csat <= 2 OR NOT resolved), FALSE) AS negative
    FROM feedback_once GROUP BY ALL
)
SELECT
    log_cluster, conversation_id,
    CASE WHEN negative OR repeated_7d THEN TRUE WHEN negative IS NULL AND repeated_7d IS NULL THEN NULL ELSE FALSE END
        AS unhappy
FROM conversations
LEFT JOIN rated USING (log_cluster, conversation_id);
