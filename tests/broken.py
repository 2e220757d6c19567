"""`handrail` with a fold that fails on one event: `python -m tests.broken EVENT_ID ARGUMENTS…`."""

import sys

from handrail.cli import main
from handrail.streams.governor.events import HANDLERS, Handler
from handrail.streams.governor.fold_context import FoldContext, Reply


def failing(handler: Handler, event_id: str) -> Handler:
    """The handler, with a fault."""

    def fold(context: FoldContext) -> Reply:
        if context.event_id == event_id:
            raise ZeroDivisionError("the mean of nothing")
        return handler.fold(context)

    return handler._replace(fold=fold)


if __name__ == "__main__":
    broken_on = sys.argv.pop(1)
    for event_type, handler in list(HANDLERS.items()):
        HANDLERS[event_type] = failing(handler, broken_on)
    main(prog_name="handrail")
