"""The demo from start to end: start everything, play the conversations, show the results, stop everything."""

import asyncio
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import orjson
from aiokafka import TopicPartition
from rich.console import Console

from handrail import private
from handrail.broker import EmbeddedBroker
from handrail.demo import analytics, history, show
from handrail.demo.chat import Chat
from handrail.demo.conversations import STORIES, Story
from handrail.demo.wire import Wire
from handrail.schemas.clock import to_rfc3339
from handrail.schemas.errors import ConfigError, HandrailError
from handrail.schemas.topics import AGENT_EVENTS, DECISIONS, HANDOFFS, RESOLUTIONS
from handrail.streams.engine.reading import ends, partitions, scan
from handrail.streams.keys import KEY_FILE, load_or_make_key
from handrail.supervisor.child import Child, handrail

READY_S = 60.0
END_S = 15.0
EVENTS_FILE = "events.jsonl"
STORED = (AGENT_EVENTS, DECISIONS, HANDOFFS, RESOLUTIONS)
POLICIES = Path(__file__).parent / "policies"
SHOWN_HANDOFF = "refund-900"
WELCOME = """\
[bold]Handrail[/bold] stands between AI agents and customers. In front of you: an embedded Kafka broker, a worker that
decides, and a sink that keeps everything for analysis. The agent of a made-up shop now talks to {count}
customers. It asks before it acts, and keeps to the answer. The rules lie in
{policies}
"""


@contextmanager
def running_process(log: Path, *arguments: str) -> Iterator[Child]:
    """`handrail ARGUMENTS` as a process that is ready; ended by SIGTERM afterwards.

    Its output goes to the file `log`. Raises HandrailError with its last line when it ends before it is ready.
    """
    child = Child(handrail(*arguments), log)
    try:
        _wait_ready(child, arguments[0], log)
        yield child
    finally:
        child.stop(END_S)


def _wait_ready(child: Child, name: str, log: Path) -> None:
    deadline = time.monotonic() + READY_S
    while not child.ready_line:
        if child.poll() is not None:
            raise HandrailError(f"handrail {name}: {child.end}; see {log}: {child.last_line}")
        if time.monotonic() > deadline:
            raise HandrailError(f"handrail {name}: not ready in {READY_S:.0f} s; see {log}: {child.last_line}")
        time.sleep(0.05)


async def export_events(bootstrap: str, path: Path) -> dict[TopicPartition, int]:
    """Write all of `agent.events.v1`, partition by partition; gives the ends of all topics that the sink stores."""
    last = await ends(bootstrap, await partitions(bootstrap, STORED))
    with path.open("wb") as out:
        async for record in scan(bootstrap, [AGENT_EVENTS]):
            place = {
                "logpartition": record.partition,
                "logoffset": record.offset,
                "logtime": to_rfc3339(record.timestamp),
            }
            out.write(orjson.dumps({**orjson.loads(record.value), **place}, option=orjson.OPT_APPEND_NEWLINE))
    return last


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
            stack.enter_context(running_process(data_dir / "worker.log", *worker))
            sink = ("sink", *common, "--data", str(data_dir), "--snapshot-s", "1")
            stack.enter_context(running_process(data_dir / "sink.log", *sink))
        console.print(f"[dim]broker, worker and sink are up after {time.monotonic() - started:.1f} s[/dim]\n")
        asyncio.run(_play(broker, console, data_dir))
        analytics.show_all(console, data_dir, broker.cluster_id)
        console.print(f"Done in {time.monotonic() - started:.1f} s. The same decisions again, without a broker:")
        events = data_dir / EVENTS_FILE
        console.print(f"  handrail replay {events} --policies {POLICIES}", soft_wrap=True, highlight=False)
        if keep:
            _stay(console, broker.bootstrap, data_dir)


async def _play(broker: EmbeddedBroker, console: Console, data_dir: Path) -> None:
    async with Wire(broker.bootstrap) as wire:
        now_ms = int(time.time() * 1000)
        with console.status("twelve simulated weeks go in"):
            expected = await history.publish(broker.bootstrap, now_ms)
            await asyncio.gather(*(wire.decided(wire.expect(*record), record[1]) for record in expected))
        with console.status(f"{len(STORIES)} conversations are going on"):
            chats = await asyncio.gather(*(_play_story(wire, story) for story in STORIES))
        for story, chat in zip(STORIES, chats, strict=True):
            show.decisions(console, f"{story.id}: {story.title}", chat.story())
        show.alerts(console, [record for record in wire.alerts if record["about"]["agent_id"] != history.AGENT])
        show.handoff(
            console, next(record for record in wire.handoffs.values() if record["conversation_id"] == SHOWN_HANDOFF)
        )
    with console.status("the sink stores the rest"):
        log_ends = await export_events(broker.bootstrap, data_dir / EVENTS_FILE)
        await analytics.stored(data_dir, log_ends, broker.cluster_id)
        await analytics.alarmed(data_dir, broker.cluster_id)


async def _play_story(wire: Wire, story: Story) -> Chat:
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
