INSERT INTO events BY NAME
SELECT
    log_cluster, log_topic, log_partition, log_offset, log_time,
    r.source, r.id, r.type, r.subject,
    TRY_CAST(upper(r.time) AS TIMESTAMPTZ) AS "time",
    r.traceparent,
    nullif(r.subject, 'control') AS conversation_id,
    CASE WHEN r.subject <> 'control' THEN coalesce(r.data.execution_id, r.subject) END AS execution_id,
    r.data.parent_execution_id, r.data.tenant, r.data.agent_id, r.data.agent_version,
    r.data.model.provider AS model_provider,
    r.data.model.name AS model_name,
    r.data.model.served AS model_served,
    r.data.customer.ref AS customer_ref,
    r.data.customer.tier AS customer_tier,
    r.data.recorded, r.data.channel, r.data.locale, r.data.goal, r.data.text, r.data.role,
    r.data.action_id, r.data.response_id, r.data.decision_id, r.data.tool, r.data.effect,
    r.data.status, r.data.outcome, r.data.reason, r.data.confidence,
    r.data.usage.input_tokens, r.data.usage.cached_input_tokens, r.data.usage.output_tokens,
    r.data.cost_usd, r.data.latency_ms,
    TRY_CAST(value AS JSON) AS record
FROM (
    SELECT *, from_json(value, '{
        "source": "VARCHAR", "id": "VARCHAR", "type": "VARCHAR", "subject": "VARCHAR", "time": "VARCHAR",
        "traceparent": "VARCHAR",
        "data": {
            "execution_id": "VARCHAR", "parent_execution_id": "VARCHAR", "tenant": "VARCHAR", "agent_id": "VARCHAR",
            "agent_version": "VARCHAR", "model": {"provider": "VARCHAR", "name": "VARCHAR", "served": "VARCHAR"},
            "customer": {"ref": "VARCHAR", "tier": "VARCHAR"}, "recorded": "BOOLEAN", "channel": "VARCHAR",
            "locale": "VARCHAR", "goal": "VARCHAR", "text": "VARCHAR", "role": "VARCHAR", "action_id": "VARCHAR",
            "response_id": "VARCHAR", "decision_id": "VARCHAR", "tool": "VARCHAR", "effect": "VARCHAR",
            "status": "VARCHAR", "outcome": "VARCHAR", "reason": "VARCHAR", "confidence": "DOUBLE",
            "usage": {"input_tokens": "BIGINT", "cached_input_tokens": "BIGINT", "output_tokens": "BIGINT"},
            "cost_usd": "DECIMAL(18, 6)", "latency_ms": "DOUBLE"
        }
    }') AS r
    FROM batch WHERE target = 'events'
);
