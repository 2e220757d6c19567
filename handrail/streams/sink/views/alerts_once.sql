-- Each alert once: the sink may send one again after a crash.
--
-- Columns: those of the table alerts.
CREATE OR REPLACE VIEW alerts_once AS
SELECT * FROM alerts
QUALIFY row_number() OVER (PARTITION BY log_cluster, alert_id ORDER BY log_partition, log_offset) = 1;
