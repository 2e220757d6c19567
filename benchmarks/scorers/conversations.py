"""The recorded conversations as transcripts, with what Handrail would have decided, and their reward."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import orjson

from benchmarks.recorded import fold, log_of
from handrail.policies import load_bundle
from handrail.schemas.record import Record
from handrail.schemas.topics import DECISIONS
from handrail.streams.governor.replay import shown
from handrail.streams.quality.scorers import Scorer, policy_facts
from handrail.streams.quality.scorers.score import Score
from handrail.streams.quality.transcript import Logged, Transcript

AIRLINE = Path(__file__).with_name("airline")
TOOLS = Path(__file__).parents[1] / "report" / "tools"


@dataclass(frozen=True)
class Conversation:
    """One recorded conversation; `reward` from 0 to 1, `failed`: below 1."""

    run: str
    transcript: Transcript
    reward: float
    by_facts: bool  # its folder has rules in shadow that read facts

    @property
    def failed(self) -> bool:
        return self.reward < 1

    def score(self, scorer: Scorer) -> Score | None:
        """What the scorer says; `policy_facts` speaks where there are rules for it."""
        return None if scorer.name == "policy_facts" and not self.by_facts else scorer.score(self.transcript)


def conversations(folder: Path) -> list[Conversation]:
    """Those of a folder of recordings that have a reward, run by run."""
    return [one for path in sorted(folder.glob("*.json*")) for one in of_run(path)]


def of_run(path: Path) -> list[Conversation]:
    """Those of one file: its events, and the decisions on actions that its domain's folder would have given."""
    log, run = log_of([path]), path.name.partition(".json")[0]
    with tempfile.TemporaryDirectory() as name:
        folder = _policies(run, Path(name))
        bundle = load_bundle(folder)
        outputs = [output for output in fold(log, folder).outputs if output.topic == DECISIONS]
    records: dict[str, list[Logged]] = {}
    for logged, conversation in [*map(_event, log), *map(_decision, map(shown, outputs))]:
        records.setdefault(conversation, []).append(logged)
    told = [(name, sorted(found, key=lambda one: one.offset)) for name, found in records.items()]
    by_facts = policy_facts.applies(bundle.policies, bundle.tools.fact_names)
    rewards = {name: _reward(found) for name, found in told}
    return [
        Conversation(run, Transcript.of(found, bundle.effect), reward, by_facts)
        for name, found in told
        if (reward := rewards[name]) is not None
    ]


def _policies(run: str, into: Path) -> Path:
    """For the airline its facts and rules in shadow, for other domains what their tools do."""
    if "airline" in run:
        return AIRLINE
    domain = "telecom" if "telecom" in run else "retail"
    (into / "tools.yaml").write_text((TOOLS / f"{domain}.yaml").read_text())
    return into


def _event(record: Record) -> tuple[Logged, str]:
    event = orjson.loads(record.value or b"")
    return Logged(record.offset, event["type"], event["data"]), event["subject"]


def _decision(event: dict[str, object]) -> tuple[Logged, str]:
    """Routes and answers are left out: nobody was there to obey them."""
    data: dict[str, object] = event["data"]  # type: ignore[assignment]
    kind = event["type"] if data["kind"] == "action" else "passed over"
    return Logged(data["position"]["offset"], str(kind), data), str(data["conversation_id"])  # type: ignore[index]


def _reward(records: list[Logged]) -> float | None:
    found = [one.data["score"] for one in records if one.type == "handrail.evaluation.scored.v1"]
    return float(found[-1]) if found else None
