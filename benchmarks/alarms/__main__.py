"""The quality alarm beside other detectors: false alarms a year, delay, and what they say about recorded series.

    nice -n 15 python -m benchmarks.alarms [--years 10000] [--peer-years 500] [--part NAME]

Needs the extra `bench` (river). Recorded series are those in ../shared/data.
"""

import argparse
from collections.abc import Callable

from benchmarks.alarms import recorded, switches, table

PARTS: dict[str, Callable[[argparse.Namespace], str]] = {
    "compared": lambda asked: table.compared(asked.years, asked.peer_years),
    "power": lambda asked: table.power(asked.years),
    "odd": lambda asked: table.odd(asked.years),
    "recorded": lambda _: recorded.series(),
    "switches": lambda _: switches.models(),
}
TITLES = {
    "compared": table.compared,
    "power": table.power,
    "odd": table.odd,
    "recorded": recorded.series,
    "switches": switches.models,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--years", type=int, default=10_000)
    parser.add_argument("--peer-years", type=int, default=500)
    parser.add_argument("--part", choices=PARTS, action="append")
    asked = parser.parse_args()
    for name in asked.part or PARTS:
        print(f"{name}: {TITLES[name].__doc__}\n\n{PARTS[name](asked)}", flush=True)


if __name__ == "__main__":
    main()
