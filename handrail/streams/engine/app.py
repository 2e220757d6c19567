"""The Faust application: membership, assignment, and one agent for each of the two topics that are read."""

import tempfile
from typing import Any

import faust
from faust import tables
from faust.types import TP

from handrail.schemas.topics import AGENT_EVENTS, RESOLUTIONS
from handrail.streams.engine.consumer import BatchTransport, FetchSchema
from handrail.streams.engine.controls import Issuer
from handrail.streams.engine.partitions import Partitions
from handrail.streams.engine.resolution_copier import ResolutionCopier
from handrail.streams.engine.settings import WorkerSettings

POLL_RECORDS = 4000
MAX_FETCH_BYTES = 9_000_000  # a record of 8 MB must come through, to be kept as a dead letter
BUFFERED_FETCHES = 4096  # never reached: a backlog is bounded by its bytes


class TableManager(tables.TableManager):  # type: ignore[misc]
    """Faust's, which waits a second before a start for tables that may still be declared; here there are none."""

    async def on_start(self) -> None:
        await self._update_channels()
        await self.recovery.start()


class GovernorApp(faust.App):  # type: ignore[misc]
    """Faust, with the batch transport, and with the owner of the partitions asked before they are given up."""

    partitions: Partitions
    resolution_copier: ResolutionCopier

    def _new_transport(self) -> Any:
        return BatchTransport(self.conf.broker_consumer, self)

    async def release(self, revoked: set[TP]) -> None:
        """Called by the consumer before Faust lets partitions go."""
        self.resolution_copier.release(revoked)
        await self.partitions.release(revoked)


def build(settings: WorkerSettings, partitions: Partitions, issuer: Issuer, count: int) -> GovernorApp:
    """The application, ready to be started. `count`: partitions of each topic."""
    app = GovernorApp(
        settings.group,
        broker=[f"kafka://{address}" for address in settings.bootstrap.split(",")],
        store="memory://",
        datadir=tempfile.gettempdir(),  # Faust wants one; without tables it writes nothing there
        autodiscover=False,
        TableManager=TableManager,
        # Its web server would listen on all interfaces and serve tables.
        web_enabled=False,
        # Topics are made by `ensure_topics`, with what the catalogue says.
        topic_allow_declare=False,
        topic_disable_leader=True,
        # At least once, made exact by the fold; `exactly_once` is not offered.
        processing_guarantee="at_least_once",
        # What must be delivered before a partition goes is awaited.
        stream_wait_empty=True,
        # Faust only says which worker stands by for which partition; the states are read by `standby.py`.
        table_standby_replicas=settings.standbys,
        stream_buffer_maxsize=BUFFERED_FETCHES,
        broker_max_poll_records=POLL_RECORDS,
        consumer_max_fetch_size=MAX_FETCH_BYTES,
        # A group without a commit starts at the beginning: a skipped record is a decision that no agent gets.
        consumer_auto_offset_reset="earliest",
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.session_timeout_s / 4,
        broker_rebalance_timeout=settings.rebalance_timeout_s,
        broker_request_timeout=max(40.0, settings.session_timeout_s + 10),
        broker_commit_interval=settings.commit_interval_s,
        # Any error ends the process; Faust's supervisor would start an agent again, past the lost record.
        agent_supervisor="mode.CrashingSupervisor",
    )
    app.partitions, app.resolution_copier = partitions, ResolutionCopier(issuer, count)
    app.on_partitions_assigned.connect(_assigned, weak=False)
    _agents(app)
    return app


async def _assigned(app: GovernorApp, assigned: set[TP], **_: Any) -> None:
    app.partitions.assign(app.consumer, assigned, app.assignor.assigned_standbys())
    app.resolution_copier.assign(app.consumer, assigned)


def _agents(app: GovernorApp) -> None:
    events = app.topic(AGENT_EVENTS, schema=FetchSchema())
    answers = app.topic(RESOLUTIONS, schema=FetchSchema())

    @app.agent(events, concurrency=1)  # type: ignore[untyped-decorator]
    async def govern(stream: Any) -> None:
        async for event in stream.noack().events():
            app.partitions.put(event)

    @app.agent(answers, concurrency=1)  # type: ignore[untyped-decorator]
    async def copy_resolutions(stream: Any) -> None:
        async for event in stream.noack().events():
            await app.resolution_copier.take(app.consumer, event)
