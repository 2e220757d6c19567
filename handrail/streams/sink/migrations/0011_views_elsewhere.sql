-- Views are made from views/*.sql at each start. Those that migrations made go, and a version that made them so does not
-- open this database any more.
DROP VIEW IF EXISTS events_once;
DROP VIEW IF EXISTS feedback_once;
DROP VIEW IF EXISTS scores_once;
DROP VIEW IF EXISTS decisions_once;
DROP VIEW IF EXISTS resolutions_once;
DROP VIEW IF EXISTS handoffs_newest;
DROP VIEW IF EXISTS conversations;
DROP VIEW IF EXISTS daily_quality;
DROP VIEW IF EXISTS regrets;
DROP VIEW IF EXISTS rules;
DROP VIEW IF EXISTS handoff_quality;
DROP VIEW IF EXISTS requests_for_a_human;
DROP VIEW IF EXISTS always_a_human;
DROP VIEW IF EXISTS spend;
DROP VIEW IF EXISTS drift_rows;
DROP VIEW IF EXISTS drift_bins;
DROP VIEW IF EXISTS baselines_set;
DROP VIEW IF EXISTS drift_daily;
DROP VIEW IF EXISTS alerts_once;
DROP VIEW IF EXISTS resolution_labels;
