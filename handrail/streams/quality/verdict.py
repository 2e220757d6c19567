"""What every detector says of one agent on one day."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from handrail.streams.quality.baseline import Baseline
from handrail.streams.quality.record import AgentRecord
from handrail.streams.quality.report import Subject
from handrail.streams.quality.scissors import Comparison, compare
from handrail.streams.quality.shift import Shift

QUIET_DAYS = 7  # without an alarm, after which an episode is over
DRIFT, DIVERGENCE, SCISSORS = "drift", "divergence", "scissors"
Key = tuple[str, str, str, str, Baseline]
"""Whose episode: tenant, agent, kind, measure, and the baseline it is against: a new one starts afresh."""


@dataclass(frozen=True, slots=True)
class Episode:
    """One alert an episode: it begins with a day on which the detector fires, and ends after QUIET_DAYS without.

    `quiet_days` since it fired last; None: no episode is open.
    """

    quiet_days: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """One detector's finding, and the state of its episode after the day. `begins`: an alert is due."""

    subject: Subject
    kind: str
    measure: str
    finding: Shift | Comparison
    episode: Episode
    begins: bool

    @property
    def key(self) -> Key:
        """Of its episode."""
        return key_of(self.subject, self.kind, self.measure)


def key_of(subject: Subject, kind: str, measure: str) -> Key:
    """Of the episode of that detector."""
    return subject.tenant, subject.agent_id, kind, measure, subject.baseline


def verdicts(record: AgentRecord, subject: Subject, episodes: Mapping[Key, Episode]) -> Iterator[Verdict]:
    """One of each detector that has enough to speak; `episodes` are those after the day before."""
    findings: list[tuple[str, str, Shift | Comparison]] = [
        (DRIFT, measure, shift) for measure, shift in record.shifts(subject.baseline, subject.day)
    ]
    if (judged := compare(record.series, subject.baseline, subject.day)) is not None:
        findings.append((DIVERGENCE, SCISSORS, judged))
    for kind, measure, finding in findings:
        before = episodes.get(key_of(subject, kind, measure), Episode())
        after, begins = observe_alarm(before, finding.alarm)
        yield Verdict(subject, kind, measure, finding, after, begins)


def observe_alarm(state: Episode, alarm: bool) -> tuple[Episode, bool]:
    """The state after one more day on which the detector could speak, and whether an episode begins with it."""
    if alarm:
        return Episode(0), state.quiet_days is None
    if state.quiet_days is None or state.quiet_days + 1 >= QUIET_DAYS:
        return Episode(), False
    return Episode(state.quiet_days + 1), False
