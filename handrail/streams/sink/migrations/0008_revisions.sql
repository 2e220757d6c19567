-- Revisions of a handoff that hold only what is new in its conversation.

-- The revision that a row adds to; NULL where it is one in full. Of an update most columns are NULL: what it leaves out
-- has not changed.
ALTER TABLE handoffs ADD COLUMN since INTEGER;

-- As before, of the newest revision in full; `revision` is the newest of all.
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
