-- The newest revision in full of each handoff, and how it went.
--
-- Columns: those of the table handoffs without since, and
-- revision: the newest of all, also where that one holds only what is new
-- closed_by: the cause of its end; NULL while it is open
-- closed_at: when it was closed, by the log's clock
-- succeeded: a human answered, had what was needed, and the customer did not have to say it again; FALSE where not, or
--   where nobody answered in time; NULL while it is open, and where it was withdrawn or superseded
CREATE OR REPLACE VIEW handoffs_newest AS
WITH numbered AS (
    SELECT
        *,
        max(revision) OVER (PARTITION BY log_cluster, handoff_id) AS newest_revision,
        row_number() OVER (
            PARTITION BY log_cluster, handoff_id ORDER BY since IS NOT NULL, revision DESC, log_offset
        ) AS place
    FROM handoffs WHERE type = 'handrail.handoff.v1'
),
newest AS (
    SELECT * EXCLUDE (since, newest_revision, place) REPLACE (newest_revision AS revision) FROM numbered WHERE place = 1
),
closed AS (
    SELECT log_cluster, handoff_id, arg_min(cause, log_offset) AS closed_by, min(log_time) AS closed_at
    FROM handoffs WHERE type = 'handrail.handoff.closed.v1' GROUP BY ALL
),
answered AS (
    SELECT
        log_cluster, handoff_id,
        bool_and(coalesce(context_ok, TRUE) AND NOT coalesce(customer_repeated, FALSE)) AS went_well
    FROM resolutions_once GROUP BY ALL
)
SELECT
    newest.*, closed_by, closed_at,
    CASE WHEN went_well IS NOT NULL THEN went_well WHEN closed_by = 'expired' THEN FALSE END AS succeeded
FROM newest
LEFT JOIN closed USING (log_cluster, handoff_id)
LEFT JOIN answered USING (log_cluster, handoff_id);
