"""The `handrail` command with `desk` in it, for tests."""

from handrail.cli import COMMANDS, main

COMMANDS.setdefault("desk", "handrail.cli.desk:desk")

if __name__ == "__main__":
    main()
