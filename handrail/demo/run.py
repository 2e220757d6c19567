"""The demo's course: start everything, play the conversations, show what came of them, stop everything."""

import asyncio
import signal
import time
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from handrail import private
from handrail.broker import EmbeddedBroker
from handrail.demo import analytics, export, history, show
from handrail.demo.chat import Chat
from handrail.demo.conversations import STORIES, Story
from handrail.demo.processes import running
from handrail.demo.wire import Wire
from handrail.schemas.errors import ConfigError
from handrail.streams.keys import KEY_FILE, load_or_make_key

POLICIES = Path(__file__).parent / "policies"
SHOWN_HANDOFF = "refund-900"
WELCOME = """\
[bold]Handrail[/bold] stands between AI agents and customers. In front of you: an embedded Kafka broker, a worker that
decides, and a sink that keeps everything for analysis. The agent of a made-up shop now talks to {count}
customers. It asks before it acts, and keeps to the answer. The rules lie in
{policies}
"""


def run(data_dir: Path, keep: bool, console: Console) -> None:
    """Play the demo with its files in `data_dir`; with `keep` stay up until interrupted."""
    started = time.monotonic()
    try:
        private.made(data_dir)
    except OSError as error:
        raise ConfigError(f"{data_dir}: {error.strerror}: give --data a folder that can be written") from error
    console.print(WELCOME.format(count=len(STORIES), policies=POLICIES), soft_wrap=True, highlight=False)
    with ExitStack() as stack:
        with console.status("starting the embedded broker, a worker and the sink"):
            broker = stack.enter_context(EmbeddedBroker())
            common = ("--bootstrap", broker.bootstrap)
            # The embedded broker lets a first member in after half the session's timeout.
            load_or_make_key(data_dir / KEY_FILE)
            signed = ("--key", str(data_dir / KEY_FILE))
            worker = ("worker", *common, *signed, "--policies", str(POLICIES), "--session-timeout-s", "6")
            stack.enter_context(running(data_dir / "worker.log", *worker))
            sink = ("sink", *common, "--data", str(data_dir), "--snapshot-s", "1")
            stack.enter_context(running(data_dir / "sink.log", *sink))
        console.print(f"[dim]broker, worker and sink are up after {time.monotonic() - started:.1f} s[/dim]\n")
        asyncio.run(_play(broker, console, data_dir))
        analytics.show_all(console, data_dir, broker.cluster_id)
        console.print(f"Done in {time.monotonic() - started:.1f} s. The same decisions again, without a broker:")
        events = data_dir / export.FILE
        console.print(f"  handrail replay {events} --policies {POLICIES}", soft_wrap=True, highlight=False)
        if keep:
            _stay(console, broker.bootstrap, data_dir)


async def _play(broker: EmbeddedBroker, console: Console, data_dir: Path) -> None:
    async with Wire(broker.bootstrap) as wire:
        now_ms = int(time.time() * 1000)
        with console.status("twelve simulated weeks go in"):
            asked = await history.publish(broker.bootstrap, now_ms)
            await asyncio.gather(*(wire.decided(wire.expect(*one), one[1]) for one in asked))
        with console.status(f"{len(STORIES)} conversations are going on"):
            chats = await asyncio.gather(*(_one(wire, story) for story in STORIES))
        for story, chat in zip(STORIES, chats, strict=True):
            show.decisions(console, f"{story.id}: {story.title}", chat.story())
        show.alerts(console, [one for one in wire.alerts if one["about"]["agent_id"] != history.AGENT])
        show.handoff(console, next(one for one in wire.handoffs.values() if one["conversation_id"] == SHOWN_HANDOFF))
    with console.status("the sink stores the rest"):
        ends = await export.write(broker.bootstrap, data_dir / export.FILE)
        await analytics.stored(data_dir, ends, broker.cluster_id)
        await analytics.alarmed(data_dir, broker.cluster_id)


async def _one(wire: Wire, story: Story) -> Chat:
    chat = Chat(wire, story.id)
    await story.play(chat)
    return chat


def _stay(console: Console, bootstrap: str, data_dir: Path) -> None:
    console.print(f"Still up on {bootstrap}, files in {data_dir}. Ctrl-C ends it.", highlight=False)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        signal.pause()
    except KeyboardInterrupt:
        console.print("ending")
