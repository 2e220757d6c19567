INSERT INTO resolutions BY NAME
SELECT
    log_cluster, log_topic, log_partition, log_offset, log_time,
    r.source, r.id, type,
    r.data.handoff_id,
    r.subject AS conversation_id,
    r.data.outcome, r.data.action_digest,
    r.data."by".id AS by_id,
    r.data."by".name AS by_name,
    TRY_CAST(upper(r.data."at") AS TIMESTAMPTZ) AS answered_at,
    r.data.note, r.data.handling_s, r.data.cost_usd, r.data.handoff_needed, r.data.context_ok,
    r.data.context_missing, r.data.customer_repeated,
    TRY_CAST(upper(r.time) AS TIMESTAMPTZ) AS "time",
    TRY_CAST(value AS JSON) AS record
FROM (
    SELECT *, from_json(value, '{
        "source": "VARCHAR", "id": "VARCHAR", "subject": "VARCHAR", "time": "VARCHAR",
        "data": {
            "handoff_id": "VARCHAR", "outcome": "VARCHAR", "action_digest": "VARCHAR",
            "by": {"id": "VARCHAR", "name": "VARCHAR"}, "at": "VARCHAR", "note": "VARCHAR", "handling_s": "DOUBLE",
            "cost_usd": "DECIMAL(18, 6)", "handoff_needed": "BOOLEAN", "context_ok": "BOOLEAN",
            "context_missing": ["VARCHAR"], "customer_repeated": "BOOLEAN"
        }
    }') AS r
    FROM batch WHERE target = 'resolutions'
);
