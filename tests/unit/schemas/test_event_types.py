"""Every room has one table of event types, and all tables speak of the same types: those that the contract has."""

import ast
import re
from pathlib import Path

import pytest

import handrail
from handrail.policies.lookup import EVENTS as READABLE
from handrail.policies.lookup import JUDGED
from handrail.schemas import event_types
from handrail.schemas.controls import CONTROLS, OF_A_CONVERSATION
from handrail.schemas.events import EVENTS
from handrail.schemas.outputs import OUTPUTS
from handrail.schemas.resolutions import RESOLUTIONS
from handrail.streams.governor.controls import CONTROLS as FOLDED
from handrail.streams.governor.events import HANDLERS

PACKAGE = Path(handrail.__file__).parent
ROOMS = ("schemas", "policies", "streams/governor")
NAMES = {value for name, value in vars(event_types).items() if name.isupper()}
TYPE = re.compile(r"handrail(?:\.[a-z]+)+\.v\d+")


def test_the_fold_handles_the_events_of_the_contract_and_no_others() -> None:
    assert list(HANDLERS) == list(EVENTS)


def test_the_fold_handles_the_control_records_of_the_contract_and_no_others() -> None:
    assert FOLDED.keys() | OF_A_CONVERSATION == CONTROLS.keys()
    assert not FOLDED.keys() & OF_A_CONVERSATION


def test_every_name_has_a_shape_in_the_contract() -> None:
    assert EVENTS.keys() | CONTROLS.keys() | OUTPUTS.keys() | RESOLUTIONS.keys() == NAMES


def test_rules_read_events_of_the_contract_and_judge_those_that_get_a_decision_on_a_proposal_or_a_query() -> None:
    assert READABLE.keys() <= EVENTS.keys()
    asked = {event_type for event_type, handler in HANDLERS.items() if handler.kind}
    assert {*JUDGED} == asked - {event_types.HUMAN_REQUESTED}  # which no rule overrides


@pytest.mark.parametrize("room", ROOMS)
def test_a_name_is_written_out_once(room: str) -> None:
    """But for pydantic's `Literal`, which takes no constant."""
    written = [
        f"{path.relative_to(PACKAGE)}: {node.value}"
        for path in sorted((PACKAGE / room).rglob("*.py"))
        if path.name not in ("event_types.py", "topics.py")
        for node in _outside_literals(ast.parse(path.read_text()))
        if isinstance(node.value, str) and TYPE.fullmatch(node.value)
    ]
    assert written == []


def _outside_literals(tree: ast.Module) -> list[ast.Constant]:
    inside = {
        id(constant)
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "Literal"
        for constant in ast.walk(node)
    }
    return [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in inside]


def test_the_analytics_database_speaks_of_types_of_the_contract() -> None:
    files = sorted((PACKAGE / "streams" / "sink").rglob("*.sql"))
    named = {(path.name, name) for path in files for name in TYPE.findall(path.read_text())}
    assert named
    assert sorted(named_type for _, named_type in named if named_type not in NAMES) == []
