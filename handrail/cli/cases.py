"""`handrail policy test`: does the folder decide what its cases say?"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from handrail.cli.errors import NO, WRONG_USE, explained, fail

if TYPE_CHECKING:
    from handrail.cases import Difference, Outcome
    from handrail.policies import Bundle
    from handrail.policies.case import PolicyCase

PACKS = Path("policies/packs")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=PACKS)
@click.option(
    "--cases",
    "cases_folder",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder of case files. [default: FOLDER/cases, else FOLDER/../cases]",
)
@click.option("-k", "only", metavar="TEXT", help="Only cases with this text in their file's name or note.")
@click.option("--cover", is_flag=True, help="End with 1 as well where a rule fired in no case.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
@explained
def test(folder: Path, cases_folder: Path | None, only: str | None, cover: bool, as_json: bool) -> None:
    """Run the cases of FOLDER (default: policies/packs) and say which are not decided as they want.

    A case is a short conversation and what is to be decided on its last event; policies/README.md shows the format.
    Each runs by itself through the same fold that the workers run, with every file of FOLDER in force. No broker is
    needed. A case that fails is one line with what was wanted and what came, for each thing that differs. Rules that no
    case made fire are named: nobody has seen that they can.

    Ends with 0 when every case passes, 1 when one fails, 2 when there is nothing to test.

    \b
    Examples:
      handrail policy test policies/packs
      handrail policy test policies/packs -k refund
      handrail policy test my-policies --cases my-cases --cover
    """
    from handrail.cases import decide, differences, find, load_cases, never_fired
    from handrail.policies import load_bundle

    bundle = load_bundle(folder)
    cases = _chosen(load_cases(cases_folder or find(folder)), only)
    _check_policies(cases, bundle)
    got = [decide(case, bundle) for case in cases]
    failed = [
        (case, came, different) for case, came in zip(cases, got, strict=True) if (different := differences(case, came))
    ]
    unseen = never_fired(bundle, got) if only is None else []
    if as_json:
        click.echo(orjson.dumps(_report(bundle, cases, failed, unseen), option=orjson.OPT_INDENT_2))
    else:
        _lines(bundle, cases, failed, unseen, only)
    if failed or (cover and unseen):
        raise SystemExit(NO)


Failed = Sequence[tuple["PolicyCase", "Outcome", "list[Difference]"]]


def _chosen(cases: "list[PolicyCase]", only: str | None) -> "list[PolicyCase]":
    if only is None:
        return cases
    words = only.casefold()
    chosen = [case for case in cases if words in case.note.casefold() or words in Path(case.file).name.casefold()]
    if not chosen:
        fail(f"-k {only}: no case has this in its file's name or note ({len(cases)} cases)", WRONG_USE)
    return chosen


def _check_policies(cases: "list[PolicyCase]", bundle: "Bundle") -> None:
    """A case about a policy or rule that is not there would pass or fail for the wrong reason."""
    from handrail.policies.mistakes import instead
    from handrail.schemas.errors import PolicyError, PolicyErrors

    policies = {policy.id for policy in bundle.policies}
    rules = {f"{policy.id}/{rule.id}" for policy in bundle.policies for rule in policy.rules}
    rules |= {f"{policy}/(default)" for policy in policies}
    mistakes = []
    for case in cases:
        wanted = [name.partition(" ")[0] for key in ("want_rules", "want_skipped") for name in case.wants.get(key, ())]
        for key, kind, names, known in (
            ("policy", "policy", case.policies, policies),
            ("want_rules", "rule", wanted, rules),
        ):
            for name in names:
                if name not in known:
                    reason = f'"{name}" is no {kind} of this folder: {instead(name, sorted(known))}'
                    mistakes.append(PolicyError(case.file, f"{case.path}.{key}", reason))
    if mistakes:
        raise PolicyErrors(mistakes)


def _lines(bundle: "Bundle", cases: "list[PolicyCase]", failed: Failed, unseen: list[str], only: str | None) -> None:
    for case, _, different in failed:
        click.echo(f"{case.file}: {case.note}: {'; '.join(map(str, different))}")
    if unseen:
        click.echo(f"warning: fired in no case: {', '.join(unseen)}", err=True)
    rules = sum(len(policy.rules) for policy in bundle.policies)
    files = len({case.file for case in cases})
    passed = f"{len(cases) - len(failed)} of {_many(len(cases), 'case')} passed, from {_many(files, 'file')}"
    covered = "" if only is not None else f"; {rules - len(unseen)} of {_many(rules, 'rule')} fired"
    click.echo(f"{passed}{covered}")


def _many(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _report(bundle: "Bundle", cases: "list[PolicyCase]", failed: Failed, unseen: list[str]) -> dict[str, Any]:
    return {
        "ruleset": bundle.ruleset,
        "cases": len(cases),
        "passed": len(cases) - len(failed),
        "failed": [
            {
                "file": case.file,
                "path": case.path,
                "note": case.note,
                "differences": [{"name": each.name, "wanted": each.wanted, "got": each.got} for each in different],
            }
            for case, _, different in failed
        ],
        "never_fired": unseen,
    }
