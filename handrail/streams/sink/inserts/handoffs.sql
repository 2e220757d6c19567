INSERT INTO handoffs BY NAME
SELECT
    log_cluster, log_topic, log_partition, log_offset, log_time,
    type,
    d.handoff_id, d.revision, d.since, d.kind, d.cause,
    TRY_CAST(upper(d.opened_at) AS TIMESTAMPTZ) AS opened_at,
    TRY_CAST(upper(d.due_at) AS TIMESTAMPTZ) AS due_at,
    d.tenant, d.agent_id,
    r.subject AS conversation_id,
    d.execution_id,
    d.customer.ref AS customer_ref,
    d.channel,
    d.classification.intent, d.classification.risk,
    d.queue, d.priority,
    d.reason.code AS reason_code,
    d.reason.policy_id, d.reason.rule_id,
    d.reason.message AS reason_message,
    d.problem.summary,
    d.pending.action_id, d.pending.tool,
    len(d.attempts) AS attempts_n,
    d.follows,
    d.completeness.score AS completeness,
    d.completeness.missing,
    coalesce(d.recorded, FALSE) AS recorded,
    TRY_CAST(upper(r.time) AS TIMESTAMPTZ) AS "time",
    TRY_CAST(value AS JSON) AS record
FROM (
    SELECT *, r.data AS d FROM (
        SELECT *, from_json(value, '{
            "time": "VARCHAR", "subject": "VARCHAR",
            "data": {
                "handoff_id": "VARCHAR", "revision": "INTEGER", "since": "INTEGER", "kind": "VARCHAR", "cause": "VARCHAR",
                "opened_at": "VARCHAR", "due_at": "VARCHAR", "tenant": "VARCHAR", "agent_id": "VARCHAR",
                "execution_id": "VARCHAR", "customer": {"ref": "VARCHAR"},
                "channel": "VARCHAR", "classification": {"intent": "VARCHAR", "risk": "VARCHAR"},
                "queue": "VARCHAR", "priority": "VARCHAR",
                "reason": {"code": "VARCHAR", "policy_id": "VARCHAR", "rule_id": "VARCHAR", "message": "VARCHAR"},
                "problem": {"summary": "VARCHAR"}, "pending": {"action_id": "VARCHAR", "tool": "VARCHAR"},
                "attempts": ["JSON"], "follows": "VARCHAR",
                "completeness": {"score": "DOUBLE", "missing": ["VARCHAR"]}, "recorded": "BOOLEAN"
            }
        }') AS r
        FROM batch WHERE target = 'handoffs'
    )
);
