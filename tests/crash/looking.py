"""`handrail` with a worker that looks for late writers more often: `python -m tests.crash.looking ARGUMENTS…`.

An idle owner looks every 10 minutes, and a run is not to wait for that before it is judged.
"""

from handrail.cli import main
from handrail.streams.engine import pipeline

LOOK_S = 10.0

if __name__ == "__main__":
    pipeline.LOOK_S = LOOK_S
    main(prog_name="handrail")
