INSERT INTO scores BY NAME
SELECT
    log_cluster, log_topic, log_partition, log_offset, log_time,
    r.source, r.id,
    r.subject AS conversation_id,
    coalesce(r.data.execution_id, r.subject) AS execution_id,
    r.data.tenant, r.data.agent_id, r.data.scorer, r.data.score, r.data.about, r.data.labels,
    TRY_CAST(upper(r.time) AS TIMESTAMPTZ) AS "time",
    TRY_CAST(value AS JSON) AS record
FROM (
    SELECT *, from_json(value, '{
        "source": "VARCHAR", "id": "VARCHAR", "subject": "VARCHAR", "time": "VARCHAR",
        "data": {
            "execution_id": "VARCHAR", "tenant": "VARCHAR", "agent_id": "VARCHAR",
            "scorer": "VARCHAR", "score": "DOUBLE", "about": "JSON", "labels": "JSON"
        }
    }') AS r
    FROM batch WHERE target = 'events' AND type = 'handrail.evaluation.scored.v1'
);
