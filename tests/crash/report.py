"""What a run is told, and what it tells."""

from collections import Counter
from dataclasses import dataclass, field

from tests.crash.judge import Findings


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be run; the same plan again gives the same schedule and the same load."""

    broker: str  # `apache`: three nodes of Apache Kafka; `embedded`
    seed: int
    faults: int
    workers: int = 3
    rate: float = 80.0  # raw events a second, beside those of the agents
    agents: int = 8
    pause_s: float = 0.15  # of an agent between two steps

    @property
    def command(self) -> str:
        """What repeats it."""
        return f"python -m tests.crash --broker {self.broker} --seed {self.seed} --faults {self.faults}"


@dataclass
class Report:
    """What a run came to."""

    plan: Plan
    injected: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)  # the process had ended by itself before the fault was over
    findings: Findings = field(default_factory=Findings)
    unasked: Counter[str] = field(default_factory=Counter)  # last lines of processes that ended by themselves
    caught: int = 0  # workers that were stopped while they waited for an acknowledgement
    unclean: list[int | None] = field(default_factory=list)  # what removed workers ended with that was not 0
    figures: dict[str, object] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Whether nothing differs."""
        return not self.findings.differences


def lines(report: Report) -> list[str]:
    """What is printed after a run."""
    figures = {**report.figures, **report.findings.figures}
    return [
        *(f"  {name}: {value}" for name, value in figures.items()),
        f"  removed workers that did not end with 0: {report.unclean}",
        *(f"  missed: {kind}: {count}" for kind, count in report.missed.items()),
        *(f"  unasked end: {count} x {why}" for why, count in report.unasked.most_common()),
        *(f"  DIFFERENCE {line}" for line in report.findings.lines()),
        f"  {'good' if report.good else 'BAD'}: {report.plan.command}",
    ]
