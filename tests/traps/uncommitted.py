"""`handrail` with a worker that never comes to commit: `python -m tests.traps.uncommitted ARGUMENTS…`."""

import os

from handrail.cli import main

if __name__ == "__main__":
    os.environ["HANDRAIL_COMMIT_INTERVAL_S"] = "600"
    main(prog_name="handrail")
