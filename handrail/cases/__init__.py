"""Cases of policies run through the real fold: what `handrail policy test` does. No broker."""

from handrail.cases.compare import Difference, differences, never_fired
from handrail.cases.fold import Outcome, decide
from handrail.cases.folder import find, load_cases

__all__ = ["Difference", "Outcome", "decide", "differences", "find", "load_cases", "never_fired"]
