"""One domain's part of the log, folded with files of its own."""

import shutil
import tempfile
from pathlib import Path

import orjson

from benchmarks.recorded import Result, fold
from handrail.schemas.record import Record

TOOLS = Path(__file__).with_name("tools")
DOMAINS = ("airline", "retail", "telecom")


def of(log: list[Record], domain: str) -> list[Record]:
    """The records of one domain, renumbered."""
    records = [record for record in log if orjson.loads(record.value or b"")["data"]["agent_id"] == domain]
    return [
        Record(record_.topic, 0, offset, record_.timestamp_ms, record_.key, record_.value)
        for offset, record_ in enumerate(records)
    ]


def folded(log: list[Record], domain: str, *, mapped: bool, policy: Path | None = None) -> Result:
    """The domain's records under the policy, with or without the domain's `tools.yaml`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if policy is not None:
            shutil.copy(policy, folder)
        if mapped:
            shutil.copy(TOOLS / f"{domain}.yaml", folder / "tools.yaml")
        return fold(of(log, domain), folder if mapped or policy else None)
