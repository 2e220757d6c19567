"""`handrail` with a fold that fails on one event: `python -m tests.broken EVENT_ID ARGUMENTS…`."""

import sys
from collections.abc import Callable

from handrail.cli import main
from handrail.streams.governor.events import HANDLERS, Answer
from handrail.streams.governor.fold_context import FoldContext


def failing(handler: Callable[[FoldContext], Answer], event_id: str) -> Callable[[FoldContext], Answer]:
    """The handler, with a fault."""

    def handle(turn: FoldContext) -> Answer:
        if turn.event_id == event_id:
            raise ZeroDivisionError("the mean of nothing")
        return handler(turn)

    return handle


if __name__ == "__main__":
    broken_on = sys.argv.pop(1)
    for name, one in list(HANDLERS.items()):
        HANDLERS[name] = failing(one, broken_on)
    main(prog_name="handrail")
