INSERT INTO reasons BY NAME
SELECT
    log_cluster, log_topic, log_partition, log_offset, log_time,
    d.decision_id, "position",
    reason.code, reason.policy_id, reason.rule_id, reason.action, reason.mode, reason.message, reason.evidence,
    d.kind, d.verdict,
    coalesce(d.repeat, FALSE) AS repeat,
    coalesce(d.recorded, FALSE) AS recorded,
    d.tenant, d.agent_id, d.conversation_id, d.execution_id
FROM (
    SELECT *, unnest(d.reasons) AS reason, unnest(range(len(d.reasons))) AS "position" FROM (
        SELECT *, from_json(value, '{
            "data": {
                "decision_id": "VARCHAR", "kind": "VARCHAR", "verdict": "VARCHAR", "repeat": "BOOLEAN",
                "recorded": "BOOLEAN", "tenant": "VARCHAR", "agent_id": "VARCHAR", "conversation_id": "VARCHAR",
                "execution_id": "VARCHAR",
                "reasons": [{
                    "code": "VARCHAR", "policy_id": "VARCHAR", "rule_id": "VARCHAR", "action": "VARCHAR",
                    "mode": "VARCHAR", "message": "VARCHAR", "evidence": "JSON"
                }]
            }
        }').data AS d
        FROM batch WHERE target = 'decisions'
    )
);
