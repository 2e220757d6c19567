-- Counts of drift_rows by bin.
--
-- Columns:
-- log_cluster: the Kafka cluster
-- day: the UTC day
-- tenant: as in drift_rows
-- agent_id: as in drift_rows
-- measure: as in drift_rows
-- bin: as in drift_rows
-- n: observations
-- total: sum of their values
CREATE OR REPLACE VIEW drift_bins AS
SELECT log_cluster, day, tenant, agent_id, measure, bin, count(*) AS n, sum(value) AS total
FROM drift_rows GROUP BY ALL;
