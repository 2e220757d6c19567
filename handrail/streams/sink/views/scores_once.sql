-- Marks of scorers without what became a dead letter, each identity (source, id) once.
--
-- Columns: those of the table scores.
CREATE OR REPLACE VIEW scores_once AS
SELECT scores.*
FROM scores
ANTI JOIN deadletters AS refused ON
    refused.log_cluster = scores.log_cluster
    AND refused.from_topic = scores.log_topic
    AND refused.from_partition = scores.log_partition
    AND refused.from_offset = scores.log_offset
QUALIFY row_number() OVER (
    PARTITION BY log_cluster, conversation_id, source, id ORDER BY log_partition, log_offset
) = 1;
