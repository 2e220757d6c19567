"""`handrail hooks` for tests, whether or not the command is listed yet."""

import sys

from handrail.cli.hooks import hooks
from handrail.streams.process import quiet_logs

if __name__ == "__main__":
    quiet_logs()
    hooks(args=sys.argv[2:], prog_name="handrail hooks")
