"""Rules that have never judged anything, because no event has had their field."""

from typing import NamedTuple

import duckdb

ENOUGH = 10  # decisions; with fewer the field may only not have come yet
LATEST = 10_000  # decisions looked at: it is asked again and again, of databases that grow

# Of the newest ruleset: rules skipped by every decision of the kinds that they judge.
ASKED = """
    WITH latest AS (
        SELECT kind, ruleset, log_cluster, skipped_n, record, log_time, log_offset FROM decisions
        WHERE kind IN ('route', 'action', 'response', 'llm') AND NOT repeat
        ORDER BY log_time DESC, log_offset DESC LIMIT ?
    ),
    decided AS (
        SELECT kind, skipped_n, record FROM latest
        WHERE (log_cluster, ruleset) = (SELECT (arg_max(log_cluster, log_time), arg_max(ruleset, log_time)) FROM latest)
    ),
    passed AS (
        SELECT
            kind,
            unnest(from_json(
                record -> '$.data.skipped', '[{"policy_id": "VARCHAR", "rule_id": "VARCHAR", "field": "VARCHAR"}]'
            )) AS rule
        FROM decided WHERE skipped_n > 0
    ),
    kinds AS (SELECT kind, count(*) AS n FROM decided GROUP BY kind)
    SELECT rule.policy_id, rule.rule_id, rule.field, count(*) AS times
    FROM passed INNER JOIN kinds USING (kind)
    GROUP BY rule.policy_id, rule.rule_id, rule.field
    HAVING count(*) = (
        SELECT sum(n) FROM kinds WHERE list_contains(list(DISTINCT passed.kind), kinds.kind)
    ) AND times >= ?
    ORDER BY ALL
"""


class Skipped(NamedTuple):
    """A rule, the field that it misses, and how many decisions were made without it."""

    policy_id: str
    rule_id: str
    field: str
    times: int

    def __str__(self) -> str:
        return f"{self.policy_id}/{self.rule_id}: none of {self.times} had its field {self.field}"


def always_skipped(connection: duckdb.DuckDBPyConnection, enough: int = ENOUGH) -> list[Skipped]:
    """Those of the newest ruleset. Raises duckdb.Error where the tables are not there."""
    return [Skipped(*row) for row in connection.execute(ASKED, [LATEST, enough]).fetchall()]
