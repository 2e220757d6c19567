-- Each decision once. A repeat has the decision id of what it repeats, and may lack its reasons.
--
-- Columns: those of the table decisions.
CREATE OR REPLACE VIEW decisions_once AS
SELECT * FROM decisions
QUALIFY row_number() OVER (PARTITION BY log_cluster, decision_id ORDER BY repeat, log_partition, log_offset) = 1;
