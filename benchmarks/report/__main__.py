"""What Handrail would have done with 430 recorded conversations, as a page.

    python -m benchmarks.report [FOLDER] > docs/recorded.md

FOLDER has recordings of tau-bench and tau2-bench with their `conversation_labels.csv` (default:
../shared/data/tau_trajectories); the published refund policy is read from ../shared/examples.
"""

import argparse
from pathlib import Path

from benchmarks.recorded import RECORDED, fold, log_of
from benchmarks.report import cost, handoffs, limits, loops, refunds, stories, summary
from benchmarks.report.conversations import read_conversations

HEAD = """\
# 430 recorded conversations, measured
Real agents (GPT-4o, GPT-4.1, GPT-5.4, Qwen2.5-7B and a fine-tuned GPT-4.1) at work on airline, retail and telecom
customer service, recorded by others (tau-bench and tau2-bench, MIT), with a reward that says whether the task was done.
The customers were played by a model. The recordings went through the fold as they are, **with no policy file**: only
the defaults of [policies/defaults](../handrail/policies/defaults). Nobody listened to Handrail then, so the
conversations run on after a block or a halt, and everything below is what it *would* have done.

This page is made by one command and checked by a test; the figures are as they came, good or bad:

```
python -m benchmarks.report > docs/recorded.md
```
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=RECORDED)
    print(page(parser.parse_args().folder), end="")


def page(folder: Path) -> str:
    """The whole page, in Markdown."""
    log = log_of(sorted(folder.glob("*.json*")))
    result = fold(log)
    conversations = read_conversations(log, result.outputs, folder / "conversation_labels.csv")
    sections = [
        summary.section(conversations, result),
        loops.section(conversations, log),
        limits.section(conversations),
        cost.section(conversations),
        handoffs.section(conversations),
        refunds.section(log, folder.parents[1] / "examples" / "klarna_refund_approval.yaml"),
        stories.section(conversations),
    ]
    return "\n".join([HEAD, *sections])


if __name__ == "__main__":
    main()
