"""`handrail policy`: read, test and describe policies before they are used."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from handrail.cli.activate import activate, withdraw
from handrail.cli.cases import test
from handrail.cli.errors import NO, WRONG_USE, explained, fail

if TYPE_CHECKING:
    from handrail.policies import Bundle


@click.group()
def policy() -> None:
    """Check and test policies before they decide anything, then put them in force."""


policy.add_command(test)
policy.add_command(activate)
policy.add_command(withdraw)


@policy.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of tables.")
@explained
def check(folder: Path, as_json: bool) -> None:
    """Read every policy file in FOLDER and say what was loaded, or every mistake.

    Warns of rules that can never fire or change nothing because another one does as much, of names that are nearly
    those of a tool or field, and of protections that a routing file drops.

    Ends with 0 when the folder can be used, 1 when it is refused, 2 when there is no such folder.

    \b
    Example:
      handrail policy check policies/packs
    """
    from handrail.policies import load_bundle
    from handrail.schemas.errors import PolicyErrors

    if not folder.is_dir():
        fail(f"{folder}: is no folder: give the folder that holds the policy files", WRONG_USE)
    try:
        bundle = load_bundle(folder)
    except PolicyErrors as errors:
        _refused(errors.mistakes, as_json)
    loaded = _loaded(bundle)
    if as_json:
        click.echo(orjson.dumps(loaded, option=orjson.OPT_INDENT_2))
    else:
        _tables(loaded)
        for warning in loaded["warnings"]:
            click.echo(f"warning: {warning}", err=True)


@policy.command()
@click.argument("kind", default="policy")
@explained
def schema(kind: str) -> None:
    """Print the JSON Schema of a KIND of file.

    KIND is policy (the default: every file that is none of the others), limits, routing, tools, agents, prices, lexicon
    or cases.

    With it an editor completes keys and marks mistakes while you type. What a schema cannot say (an id used twice, a
    pattern that cannot be read) only `check` finds, so it has the last word.

    \b
    Examples:
      handrail policy schema > policy.json
      handrail policy schema tools
    """
    from handrail.policies import json_schema

    if kind not in json_schema.KINDS:
        fail(f"{kind}: is no kind of file: write one of {', '.join(json_schema.KINDS)}", WRONG_USE)
    click.echo(orjson.dumps(json_schema.of(kind), option=orjson.OPT_INDENT_2))


def _refused(mistakes: Any, as_json: bool) -> None:
    if as_json:
        listed = [{"file": each.file, "path": each.path, "reason": each.reason} for each in mistakes]
        click.echo(orjson.dumps({"mistakes": listed}, option=orjson.OPT_INDENT_2))
    count = f"{len(mistakes)} mistake{'s' if len(mistakes) > 1 else ''}"
    fail("\n".join([*map(str, mistakes), f"refused: {count}"]), NO)


def _loaded(bundle: "Bundle") -> dict[str, Any]:
    """What there is to say about a bundle."""
    from handrail.policies.limits import by_key
    from handrail.policies.lint import all_warnings

    return {
        "ruleset": bundle.ruleset,
        "files": sorted(bundle.document["files"]),
        "policies": [
            {
                "id": each.id,
                "file": each.file,
                "default_action": each.default_action,
                "mode": each.mode,
                "rules": [
                    {
                        "id": rule.id,
                        "action": rule.action,
                        "mode": rule.mode,
                        "judges": sorted(
                            name.removeprefix("handrail.").removesuffix(".v1") for name in rule.scope.events
                        ),
                        "fields": sorted({leaf.field for leaf in rule.condition.leaves()}),
                    }
                    for rule in each.rules
                ],
            }
            for each in bundle.policies
        ],
        "warnings": list(map(str, all_warnings(bundle))),
        "tools": len(bundle.tools),
        "limits": by_key(bundle.limits("default", "")),
    }


def _tables(loaded: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    rules = Table("policy", "rule", "action", "judges", "fields", "file", title="Rules", title_justify="left")
    for each in loaded["policies"]:
        for rule in each["rules"]:
            action = rule["action"] + (" (shadow)" if rule["mode"] == "shadow" else "")
            rules.add_row(
                each["id"], rule["id"], action, ", ".join(rule["judges"]), ", ".join(rule["fields"]), each["file"]
            )
        rules.add_row(each["id"], "(default)", each["default_action"], "", "", each["file"], end_section=True)
    limits = Table("limit", "value", title="Limits by default", title_justify="left")
    for name, value in _flat(loaded["limits"]).items():
        limits.add_row(name, "none" if value is None else str(value))
    console = Console(soft_wrap=False)
    console.print(rules, limits)
    console.print(_summary(loaded), highlight=False, soft_wrap=True)


def _flat(limits: dict[str, Any]) -> dict[str, Any]:
    inner = {f"confidence_min.{key}": value for key, value in limits["confidence_min"].items()}
    return {key: value for key, value in limits.items() if key != "confidence_min"} | inner


def _summary(loaded: dict[str, Any]) -> str:
    rules = sum(len(each["rules"]) for each in loaded["policies"])
    return f"{len(loaded['policies'])} policies, {rules} rules, {loaded['tools']} tools\nruleset {loaded['ruleset']}"
