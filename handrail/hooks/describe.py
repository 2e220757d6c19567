"""What a hooks file means, in words, once everything that it names can be read."""

from collections.abc import Iterator
from pathlib import Path

from handrail.hooks import config
from handrail.hooks.config import Hook
from handrail.hooks.endpoint import Endpoint
from handrail.hooks.inbound import secrets_of


def describe(path: Path) -> Iterator[str]:
    """One line a hook and a source. Raises ConfigError."""
    found = config.load(path)
    for hook in found.hooks:
        Endpoint(hook, path.parent)
        yield f"hook {hook.name}: {hook.method} {hook.url}: {_which(hook)}; {_how(hook)}"
    for source in found.sources:
        secrets_of(source, path.parent)
        yield f"source {source.name}: POST /in/{source.name}, {source.verify.kind}, {len(source.rules)} rules"


def _which(hook: Hook) -> str:
    only = [f"{name} {', '.join(found)}" for name, found in (("queues", hook.queues), ("kinds", hook.kinds)) if found]
    return "; ".join([", ".join(hook.records), *only])


def _how(hook: Hook) -> str:
    signed = "signed" if hook.secret_file else "NOT signed"
    where = "also to private addresses" if hook.private else "to public addresses only"
    return f"{signed}, {where}, given up after {hook.retry.give_up_s:g} s"
