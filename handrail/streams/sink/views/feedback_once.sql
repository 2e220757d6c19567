-- Feedback of customers without what became a dead letter, each identity (source, id) once.
--
-- Columns: those of the table feedback.
CREATE OR REPLACE VIEW feedback_once AS
SELECT feedback.*
FROM feedback
ANTI JOIN deadletters AS refused ON
    refused.log_cluster = feedback.log_cluster
    AND refused.from_topic = feedback.log_topic
    AND refused.from_partition = feedback.log_partition
    AND refused.from_offset = feedback.log_offset
QUALIFY row_number() OVER (
    PARTITION BY log_cluster, conversation_id, source, id ORDER BY log_partition, log_offset
) = 1;
