"""Taking a customer out of the database: every row of every conversation that names them, in one transaction.

A conversation is a customer's where one of its events or handoffs names their ref. Its other records do not.
"""

import secrets
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

import duckdb
import orjson

from handrail.streams.sink import customer_refs
from handrail.streams.sink.forgotten import ANY_TENANT, CONVERSATION, DEFAULT_TENANT, REF, SALT_BYTES, Forgotten
from handrail.streams.sink.stage import without

Removed = Counter[str]
"""Rows removed by table; `conversations` counts these."""

BY_CONVERSATION = (
    "events", "decisions", "reasons", "handoffs", "resolutions", "alerts", "feedback", "scores", "redactions",
)  # fmt: skip
BY_KEY = ("deadletters", "unreadable")
FETCH_ROWS = 200  # of up to 9 MB each
THEIRS = """
    WITH tenants AS (
        SELECT log_cluster, conversation_id, coalesce(arg_min(tenant, log_offset), $default) AS tenant
        FROM events GROUP BY ALL
    ),
    named AS (
        SELECT log_cluster, conversation_id FROM events WHERE customer_ref = $ref
        UNION SELECT log_cluster, conversation_id FROM handoffs WHERE customer_ref = $ref
    )
    SELECT DISTINCT log_cluster, conversation_id FROM named LEFT JOIN tenants USING (log_cluster, conversation_id)
    WHERE conversation_id IS NOT NULL AND ($tenant IS NULL OR coalesce(tenant, $default) = $tenant)
    ORDER BY ALL
"""


def forget(
    connection: duckdb.DuckDBPyConnection, ref: str, tenant: str | None, forgotten: Forgotten
) -> tuple[Removed, list[str]]:
    """All rows of the customer are gone, and they are among the forgotten; or nothing of it. None: of every tenant.

    Gives the rows removed, and the ids of their conversations.
    """
    connection.begin()
    try:
        asked = {"ref": ref, "tenant": tenant, "default": DEFAULT_TENANT}
        theirs: dict[str, list[str]] = {}
        for cluster, conversation in connection.execute(THEIRS, asked).fetchall():
            theirs.setdefault(cluster, []).append(conversation)
        _salt(connection, forgotten)
        removed = Removed(conversations=sum(map(len, theirs.values())))
        for cluster, conversations in theirs.items():
            removed += remove(connection, cluster, conversations, forgotten)
        removed += _unread(connection, ref, tenant)
        _keep_out(connection, forgotten, forgotten.of_ref(tenant or ANY_TENANT, ref))
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    return removed, sorted({name for conversations in theirs.values() for name in conversations})


def remove(
    connection: duckdb.DuckDBPyConnection, cluster: str, conversations: Collection[str], forgotten: Forgotten
) -> Removed:
    """No row is left of these conversations, and they are left out from now on. Part of a transaction."""
    names = sorted(conversations)
    removed = Removed()
    for table in BY_CONVERSATION:
        removed[table] = _deleted(connection, f"{table} WHERE log_cluster = ? AND conversation_id IN ?", cluster, names)
    keys = [name.encode() for name in names]
    for table in BY_KEY:
        removed[table] = _deleted(connection, f"{table} WHERE log_cluster = ? AND key IN ?", cluster, keys)
    _unname(connection, cluster, names)
    forgotten.add(cluster, names)
    at = datetime.now(UTC)
    rows = [(CONVERSATION, forgotten.of_conversation(cluster, name), at) for name in names]
    if rows:
        connection.executemany("INSERT INTO forgotten VALUES (?, ?, ?) ON CONFLICT DO NOTHING", rows)
    return removed


def _deleted(connection: duckdb.DuckDBPyConnection, what: str, cluster: str, names: Sequence[Any]) -> int:
    return _count(connection.execute(f"DELETE FROM {what}", [cluster, names]))


def _count(result: duckdb.DuckDBPyConnection) -> int:
    row = result.fetchone()
    return int(row[0]) if row else 0


def _unname(connection: duckdb.DuckDBPyConnection, cluster: str, names: Sequence[str]) -> None:
    """Alerts of other things, which had one of these conversations as an example, name it no longer."""
    asked = "SELECT rowid, CAST(record AS VARCHAR) FROM alerts WHERE log_cluster = ? AND list_has_any(examples, ?)"
    for row, record in connection.execute(asked, [cluster, names]).fetchall():
        shown = without(record.encode(), names).decode()
        examples = orjson.loads(shown)["data"]["examples"]
        connection.execute("UPDATE alerts SET record = ?, examples = ? WHERE rowid = ?", [shown, examples, row])
    for (record,) in connection.execute("SELECT record FROM alerts_unsent").fetchall():
        shown = without(record.encode(), names).decode()
        if shown != record:
            connection.execute("UPDATE alerts_unsent SET record = ? WHERE record = ?", [shown, record])


def _unread(connection: duckdb.DuckDBPyConnection, ref: str, tenant: str | None) -> Removed:
    """Deletes unreadable records, which have no columns, where their bytes name the customer."""
    removed = Removed()
    for table in BY_KEY:
        values = connection.execute(f"SELECT rowid, value FROM {table} WHERE value IS NOT NULL")
        theirs = []
        while fetched := values.fetchmany(FETCH_ROWS):
            theirs += [row for row, value in fetched if customer_refs.names(value, ref, tenant, DEFAULT_TENANT)]
        removed[table] = _count(connection.execute(f"DELETE FROM {table} WHERE rowid IN ?", [theirs])) if theirs else 0
    return removed


def _salt(connection: duckdb.DuckDBPyConnection, forgotten: Forgotten) -> None:
    if not forgotten.salt:
        forgotten.salt = secrets.token_bytes(SALT_BYTES)
        connection.execute("INSERT INTO forgotten_salt VALUES (?)", [forgotten.salt])


def _keep_out(connection: duckdb.DuckDBPyConnection, forgotten: Forgotten, digest: str) -> None:
    at = datetime.now(UTC)
    connection.execute(
        "INSERT INTO forgotten VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET forgotten_at = excluded.forgotten_at",
        [REF, digest, at],
    )
    forgotten.refs[digest] = int(at.timestamp() * 1000)
