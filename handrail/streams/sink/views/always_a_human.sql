-- By the UTC day on which customers asked for a person, tenant and agent: did everyone get one? asked = answered +
-- unmet + waiting.
--
-- Columns:
-- day: the UTC day on which they asked
-- tenant: as in conversations
-- agent_id: as in conversations
-- asked: requests
-- answered: a person came
-- p95_wait_s: seconds that the answered waited, 95th percentile
-- unmet: nobody came
-- waiting: still open
-- late: of the answered, those for whom the promised time was up
CREATE OR REPLACE VIEW always_a_human AS
SELECT
    CAST(asked_at AT TIME ZONE 'UTC' AS DATE) AS day,
    tenant, agent_id,
    count(*) AS asked,
    count(*) FILTER (state = 'answered') AS answered,
    quantile_cont(wait_s, 0.95) AS p95_wait_s,
    count(*) FILTER (state = 'unmet') AS unmet,
    count(*) FILTER (state = 'waiting') AS waiting,
    count(*) FILTER (late) AS late
FROM requests_for_a_human
GROUP BY ALL;
