"""`handrail` with a worker that has room for a few records only: `python -m tests.traps.narrow ARGUMENTS…`."""

from handrail.cli import main
from handrail.streams.engine import fetch

BYTES_MAX = 1_000

if __name__ == "__main__":
    fetch.WAITING_BYTES_MAX = BYTES_MAX
    main(prog_name="handrail")
