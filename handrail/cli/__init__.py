"""The `handrail` command."""

from importlib import import_module

import click

# Name -> module:attribute. Loaded when asked for, so that the base install starts fast and without the extras.
COMMANDS = {
    "acl": "handrail.cli.acl:acl",
    "control": "handrail.cli.control:control",
    "deadletters": "handrail.cli.deadletters:deadletters",
    "demo": "handrail.cli.demo:demo",
    "desk": "handrail.cli.desk:desk",
    "doctor": "handrail.cli.doctor:doctor",
    "export": "handrail.cli.export:export",
    "forget": "handrail.cli.forget:forget",
    "handoffs": "handrail.cli.handoffs:handoffs",
    "hooks": "handrail.cli.hooks:hooks",
    "import": "handrail.cli.import_:import_",
    "keys": "handrail.cli.keys:keys",
    "mcp": "handrail.cli.mcp:mcp",
    "policy": "handrail.cli.policy:policy",
    "query": "handrail.cli.query:query",
    "replay": "handrail.cli.replay:replay",
    "sink": "handrail.cli.sink:sink",
    "up": "handrail.cli.up:up",
    "verify": "handrail.cli.verify:verify",
    "worker": "handrail.cli.worker:worker",
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        from handrail.cli.errors import explained

        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(explained(import_module)(module), attribute)
        return command


@click.group(cls=LazyGroup, epilog="Start with `handrail demo`: it needs nothing else.")
@click.version_option(package_name="handrail")
def main() -> None:
    """Handrail: runtime governance for AI agents, as a Kafka stream.

    Agents put what they do on Kafka and wait for a decision; humans work what is handed to them; analysts query DuckDB.
    """
    from handrail.streams.process import quiet_logs

    quiet_logs()
