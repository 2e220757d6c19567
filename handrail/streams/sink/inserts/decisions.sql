INSERT INTO decisions BY NAME
SELECT
    log_cluster, log_topic, log_partition, log_offset, log_time,
    d.decision_id,
    d."for".source AS for_source, d."for".id AS for_id, d."for".type AS for_type,
    d.kind, d.verdict, d.route, d.tenant, d.agent_id, d.conversation_id, d.execution_id,
    len(d.reasons) AS reasons_n,
    len(d.skipped) AS skipped_n,
    d.customer_message, d.action_id, d.action_digest, d.handoff_id,
    TRY_CAST(upper(d.expires_at) AS TIMESTAMPTZ) AS expires_at,
    d.usage.steps, d.usage.steps_max, d.usage.cost_usd, d.usage.cost_usd_max, d.usage.unpriced_tokens,
    d.usage.loop_run, d.usage.loop_max,
    d.classification.intent, d.classification.topic, d.classification.risk, d.classification.complexity,
    d.classification.confidence, d.classification.wants_human,
    d.classification.model AS classifier,
    d.ruleset,
    d."position"."partition" AS event_partition,
    d."position"."offset" AS event_offset,
    coalesce(d.repeat, FALSE) AS repeat,
    coalesce(d.recorded, FALSE) AS recorded,
    d.enforcement,
    TRY_CAST(upper(r.time) AS TIMESTAMPTZ) AS "time",
    TRY_CAST(value AS JSON) AS record
FROM (
    SELECT *, r.data AS d FROM (
        SELECT *, from_json(value, '{
            "time": "VARCHAR",
            "data": {
                "decision_id": "VARCHAR", "for": {"source": "VARCHAR", "id": "VARCHAR", "type": "VARCHAR"},
                "kind": "VARCHAR", "verdict": "VARCHAR", "route": "VARCHAR", "tenant": "VARCHAR",
                "agent_id": "VARCHAR", "conversation_id": "VARCHAR", "execution_id": "VARCHAR",
                "reasons": ["JSON"], "skipped": ["JSON"], "customer_message": "VARCHAR", "action_id": "VARCHAR",
                "action_digest": "VARCHAR", "handoff_id": "VARCHAR", "expires_at": "VARCHAR",
                "usage": {
                    "steps": "BIGINT", "steps_max": "BIGINT", "cost_usd": "DECIMAL(18, 6)",
                    "cost_usd_max": "DECIMAL(18, 6)", "unpriced_tokens": "BIGINT", "loop_run": "BIGINT",
                    "loop_max": "BIGINT"
                },
                "classification": {
                    "intent": "VARCHAR", "topic": "VARCHAR", "risk": "VARCHAR", "complexity": "VARCHAR",
                    "confidence": "DOUBLE", "wants_human": "BOOLEAN", "model": "VARCHAR"
                },
                "ruleset": "VARCHAR", "position": {"partition": "INTEGER", "offset": "BIGINT"},
                "repeat": "BOOLEAN", "recorded": "BOOLEAN", "enforcement": "VARCHAR"
            }
        }') AS r
        FROM batch WHERE target = 'decisions'
    )
);
