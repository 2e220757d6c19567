-- What the governor took for what happened: without what became a dead letter, each identity once. Order is the log's.

CREATE VIEW events_once AS
SELECT events.*
FROM events
ANTI JOIN deadletters AS refused ON
    refused.log_cluster = events.log_cluster
    AND refused.from_topic = events.log_topic
    AND refused.from_partition = events.log_partition
    AND refused.from_offset = events.log_offset
WHERE conversation_id IS NOT NULL
QUALIFY row_number() OVER (
    PARTITION BY log_cluster, conversation_id, source, id ORDER BY log_partition, log_offset
) = 1;

CREATE VIEW feedback_once AS
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

CREATE VIEW scores_once AS
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

-- A repeat has the decision id of what it repeats, and may lack its reasons.
CREATE VIEW decisions_once AS
SELECT * FROM decisions
QUALIFY row_number() OVER (PARTITION BY log_cluster, decision_id ORDER BY repeat, log_partition, log_offset) = 1;

CREATE VIEW resolutions_once AS
SELECT resolutions.*
FROM resolutions
ANTI JOIN deadletters AS refused ON
    refused.log_cluster = resolutions.log_cluster
    AND refused.from_topic = resolutions.log_topic
    AND refused.from_partition = resolutions.log_partition
    AND refused.from_offset = resolutions.log_offset
WHERE type = 'handrail.resolution.v1'
QUALIFY row_number() OVER (
    PARTITION BY log_cluster, conversation_id, source, id ORDER BY log_partition, log_offset
) = 1;

-- The newest revision of each handoff, and how it went. succeeded: a human answered, had what was needed, and the
-- customer did not have to say it again; FALSE where not, or where nobody answered in time; NULL while it is open, and
-- where it was withdrawn or superseded.
CREATE VIEW handoffs_newest AS
WITH newest AS (
    SELECT * FROM handoffs WHERE type = 'handrail.handoff.v1'
    QUALIFY row_number() OVER (PARTITION BY log_cluster, handoff_id ORDER BY revision DESC, log_offset) = 1
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
