INSERT INTO alerts BY NAME
SELECT
    log_cluster, log_topic, log_partition, log_offset, log_time,
    d.alert_id, d.kind, d.severity, d.message,
    d.about.tenant, d.about.agent_id, d.about.conversation_id,
    TRY_CAST(upper(d.since) AS TIMESTAMPTZ) AS since,
    TRY_CAST(upper(d."from") AS TIMESTAMPTZ) AS from_time,
    TRY_CAST(upper(d."to") AS TIMESTAMPTZ) AS to_time,
    d.examples,
    json_extract(value, '$.data.about') AS about,
    d.evidence,
    TRY_CAST(value AS JSON) AS record
FROM (
    SELECT *, from_json(value, '{
        "data": {
            "alert_id": "VARCHAR", "kind": "VARCHAR", "severity": "VARCHAR", "message": "VARCHAR",
            "about": {"tenant": "VARCHAR", "agent_id": "VARCHAR", "conversation_id": "VARCHAR"},
            "since": "VARCHAR", "from": "VARCHAR", "to": "VARCHAR", "examples": ["VARCHAR"], "evidence": "JSON"
        }
    }').data AS d
    FROM batch WHERE target = 'alerts'
);
