"""`python -m benchmarks.fold` with the fold compiled and as it is, in turns. Run `make compiled` first.

    python -m benchmarks.compiled [--rounds 5]

Printed: the median microseconds a record of both, and their ratio, for each of the two logs of benchmarks.fold.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "compiled"
FIGURES = re.compile(r"(\w+): ([\d.]+) us")


def measured(*folders: Path) -> dict[str, float]:
    """Microseconds a record of each log, with the package in the first of these folders that has it."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders))}
    command = [sys.executable, "-P", "-m", "benchmarks.fold"]
    output = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
    return {name: float(us) for name, us in FIGURES.findall(output)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    if not list(BUILD.glob("handrail__mypyc.*")):
        sys.exit(f"{BUILD} has no compiled fold: run `make compiled` first")
    plain, compiled = defaultdict[str, list[float]](list), defaultdict[str, list[float]](list)
    for _ in range(asked.rounds):
        for times, folders in ((plain, (ROOT,)), (compiled, (BUILD, ROOT))):
            for name, us in measured(*folders).items():
                times[name].append(us)
    for name in plain:
        plain_us, compiled_us = statistics.median(plain[name]), statistics.median(compiled[name])
        print(
            f"{name}: {plain_us:.1f} us plain, {compiled_us:.1f} us compiled: {compiled_us / plain_us:.2f} of the time"
        )


if __name__ == "__main__":
    main()
