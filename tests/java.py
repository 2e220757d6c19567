"""Apache Kafka's own producer, as most programs that are no Python speak to a broker."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

from handrail.schemas.record import Record

PROGRAM = "org.apache.kafka.tools.ConsoleProducer"
SECONDS_MAX = 60
TAB = b"\t"


def send(libs: Path, bootstrap: str, topic: str, codec: str, records: Iterable[Record]) -> None:
    """Each record with its key, compressed by `codec` (gzip, snappy, lz4, zstd), in batches of many."""
    properties = {"linger.ms": "200", "enable.idempotence": "false"}  # the embedded broker gives no producer ids
    given = [word for name, value in properties.items() for word in ("--producer-property", f"{name}={value}")]
    done = subprocess.run(
        [
            *("java", "-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", f"{libs}/*", PROGRAM),
            *("--bootstrap-server", bootstrap, "--topic", topic, "--compression-codec", codec),
            *("--property", "parse.key=true", *given),
        ],
        input=b"".join(TAB.join((one.key or b"", one.value or b"")) + b"\n" for one in records),
        capture_output=True,
        timeout=SECONDS_MAX,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
