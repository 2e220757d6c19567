"""`python -m tests.fuzz.quick --records 1000000`: whatever the quick reader accepts, the exact one accepts alike."""

import argparse
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from handrail.schemas import quick
from handrail.schemas.canonical import canonical, sorted_json
from handrail.schemas.decode import decode
from handrail.schemas.errors import SchemaError
from tests.fuzz.mutations import mutants
from tests.fuzz.nearly import nearly


@dataclass(slots=True)
class Readers:
    """How many records both readers took, only the exact one, and neither."""

    both: int = 0
    exact: int = 0
    neither: int = 0


def compared(values: Iterable[bytes | None]) -> Readers:
    """Raises AssertionError at the first record that the quick reader takes and the exact one does not take alike."""
    readers = Readers()
    for value in values:
        taken, raw = quick.read(value), exact(value)
        if raw is None:
            assert taken is None, value
            readers.neither += 1
        elif taken is None:
            readers.exact += 1
        else:
            assert alike(*taken, raw), value
            readers.both += 1
    return readers


def exact(value: bytes | None) -> dict[str, Any] | None:
    """What the exact reader makes of it; None where it is a dead letter."""
    try:
        return decode(value).raw
    except SchemaError:
        return None


def alike(event: dict[str, Any], content: bytes, raw: dict[str, Any]) -> bool:
    """Whether event and canonical data are those of the exact reader: every number of its type, in the same order."""
    data = event["data"]
    return (
        orjson.dumps(event, option=orjson.OPT_SORT_KEYS) == orjson.dumps(raw, option=orjson.OPT_SORT_KEYS)
        and orjson.dumps(data) == orjson.dumps(raw["data"])
        and content == canonical(raw["data"])
        and all(sorted_json(part) == canonical(part) for part in data.values())
    )


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m tests.fuzz.quick", description=__doc__)
    options.add_argument("--records", type=int, default=1_000_000)
    options.add_argument("--seed", type=int, default=1)
    asked = options.parse_args()
    print(f"nearly fine, seed {asked.seed}: {compared(nearly(asked.seed, asked.records))}", flush=True)
    broken = (mutant.value for mutant in mutants(asked.seed, asked.records // 10, 4, "sha256:" + "0" * 64))
    print(f"mutated, seed {asked.seed}: {compared(broken)}")


if __name__ == "__main__":
    main()
