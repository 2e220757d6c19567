"""Forgotten customers, which the sink leaves out: keyed digests of their refs and conversations, in a table and a file.

The table is the truth. The file beside the database is a copy for processes that may not open it, like the desk.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import duckdb
import orjson

FORGOTTEN_FILE = "handrail.forgotten.json"
SALT_BYTES, DIGEST_BYTES = 32, 16
REF, CONVERSATION = "ref", "conversation"
ANY_TENANT = ""
DEFAULT_TENANT = "default"


@dataclass
class Forgotten:
    """`refs`: digest -> up to which log time (ms) their records are left out; `conversations`: left out for ever."""

    salt: bytes = b""
    refs: dict[str, int] = field(default_factory=dict)
    conversations: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.refs or self.conversations)

    @classmethod
    def stored(cls, connection: duckdb.DuckDBPyConnection) -> "Forgotten":
        """As the database has it."""
        salt = connection.execute("SELECT salt FROM forgotten_salt").fetchone()
        asked = 'SELECT "of", digest, epoch_ms(forgotten_at) FROM forgotten ORDER BY ALL'
        rows = connection.execute(asked).fetchall()
        return cls(
            salt[0] if salt else b"",
            {digest: at_ms for of, digest, at_ms in rows if of == REF},
            {digest for of, digest, _ in rows if of == CONVERSATION},
        )

    @classmethod
    def read(cls, folder: Path) -> "Forgotten":
        """As the file beside the database has it; empty where there is none."""
        try:
            fields = orjson.loads((folder / FORGOTTEN_FILE).read_bytes())
        except FileNotFoundError:
            return cls()
        return cls(bytes.fromhex(fields["salt"]), dict(fields["refs"]), set(fields["conversations"]))

    def write(self, folder: Path) -> None:
        """Writes the file atomically; no file where no customer is forgotten."""
        if not self:
            return
        draft = folder / f"{FORGOTTEN_FILE}.tmp"
        draft.unlink(missing_ok=True)
        draft.touch(0o600, exist_ok=False)
        fields = {"salt": self.salt.hex(), "refs": self.refs, "conversations": sorted(self.conversations)}
        draft.write_bytes(orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE))
        draft.replace(folder / FORGOTTEN_FILE)

    def of_conversation(self, cluster: str, conversation: str) -> str:
        """Its digest."""
        return self._digest(CONVERSATION, cluster, conversation)

    def of_ref(self, tenant: str, ref: str) -> str:
        """The digest of a customer of that tenant, or of every tenant (ANY_TENANT)."""
        return self._digest(REF, tenant, ref)

    def has(self, cluster: str, conversation: str) -> bool:
        """Whether the conversation is left out."""
        return bool(self.conversations) and self.of_conversation(cluster, conversation) in self.conversations

    def names(self, ref: str, tenant: str, at_ms: int) -> bool:
        """Whether a record that names this customer is left out, at that log time."""
        digests = (self.of_ref(ANY_TENANT, ref), self.of_ref(tenant or DEFAULT_TENANT, ref))
        return any(at_ms <= self.refs.get(digest, -1) for digest in digests)

    def add(self, cluster: str, conversations: Iterable[str]) -> None:
        """These are left out from now on."""
        self.conversations |= {self.of_conversation(cluster, name) for name in conversations}

    def _digest(self, of: str, place: str, name: str) -> str:
        digest = blake2b(key=self.salt, digest_size=DIGEST_BYTES, person=of.encode())
        digest.update(orjson.dumps([place, name]))
        return digest.hexdigest()
