"""What a person did is never lost: the desk is killed, the broker is away, and it still counts once."""

import asyncio
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import expect

from handrail.schemas.topics import HANDOFFS, RESOLUTIONS
from handrail.streams.keys import new_key
from infra.kafka.cluster import Cluster
from tests.browser.conftest import ONE, ROUTING, NewPage, for_tool
from tests.browser.desks import Desk, desk
from tests.browser.shop import asking, on_log, proposing
from tests.bundles import TOOLS, written
from tests.workers import worker

pytestmark = pytest.mark.kafka
STILL_MS = 60_000


@pytest.fixture
def own_desk(governed: tuple[str, Path], often: None, tmp_path: Path) -> Iterator[Desk]:
    """A desk that this test may kill."""
    bootstrap, key = governed
    with desk(tmp_path / "desk", bootstrap, "--key", str(key)) as running:
        yield running


async def test_a_desk_killed_between_click_and_answer_counts_it_once(own_desk: Desk, new_page: NewPage) -> None:
    page = await new_page()
    await own_desk.login(page, "ana")
    async with proposing(own_desk.bootstrap, "credit", 300) as waiting:
        await page.goto(f"{own_desk.url}/handoffs/{waiting.handoff_id}")
        await page.get_by_label("Note").fill("receipt seen")
        os.kill(own_desk.process.pid, signal.SIGSTOP)  # it has the click, and cannot answer any more
        await page.get_by_role("button", name="Approve").click(no_wait_after=True)
        await expect(page.locator("[data-sending]")).to_contain_text("Sending")
        own_desk.kill()
        await expect(page.locator("[data-sending]")).to_contain_text("Your text is kept")
        assert await page.get_by_label("Note").input_value() == "receipt seen"
        own_desk.start_again()
        done = page.get_by_role("status").filter(has_text="Done.")
        await expect(done).to_contain_text("may now run credit", timeout=STILL_MS)
        await asyncio.wait_for(waiting.answer, 20)
    (answers,) = await on_log(own_desk.bootstrap, RESOLUTIONS, handoff_id=waiting.handoff_id)
    assert answers["data"]["note"] == "receipt seen"


async def test_a_desk_killed_after_it_was_recorded_sends_it_no_second_time(own_desk: Desk, new_page: NewPage) -> None:
    page = await new_page()
    await own_desk.login(page, "ana")
    handoff_id = await asking(own_desk.bootstrap)
    await page.goto(f"{own_desk.url}/handoffs/{handoff_id}")

    async def killed(route: object) -> None:
        """The desk records it and is killed; the browser never hears of it."""
        await route.fetch()  # type: ignore[attr-defined]
        own_desk.kill()
        await route.abort()  # type: ignore[attr-defined]

    await page.route("**/answer", killed, times=1)
    await page.get_by_role("button", name="Resolve").click()
    await expect(page.locator("[data-sending]")).to_contain_text("Your text is kept")
    assert len(await on_log(own_desk.bootstrap, RESOLUTIONS, handoff_id=handoff_id)) == 1
    own_desk.start_again()
    done = page.get_by_role("status").filter(has_text=re.compile("Done.|Recorded."))
    await expect(done).to_be_visible(timeout=STILL_MS)
    assert len(await on_log(own_desk.bootstrap, RESOLUTIONS, handoff_id=handoff_id)) == 1


@pytest.fixture
def own_cluster(kafka_libs: Path, often: None, tmp_path: Path) -> Iterator[tuple[Cluster, Desk]]:
    """An Apache Kafka to kill, with a worker and a desk."""
    policies = written(tmp_path / "policies", credits=for_tool(ONE, "credit"), tools=TOOLS, routing=ROUTING)
    key = tmp_path / "signing.key"
    new_key(key)
    with (
        Cluster(nodes=1, short_lived=True) as cluster,
        worker(cluster.bootstrap, tmp_path, "--policies", str(policies), "--key", str(key)),
        desk(tmp_path / "desk", cluster.bootstrap, "--key", str(key)) as running,
    ):
        yield cluster, running


@pytest.mark.long
@pytest.mark.apache
async def test_a_broker_that_is_away_is_told_and_what_was_typed_is_recorded_when_it_is_back(
    own_cluster: tuple[Cluster, Desk], new_page: NewPage
) -> None:
    cluster, running = own_cluster
    page = await new_page()
    await running.login(page, "ana")
    handoff_id = await asking(running.bootstrap)
    await page.locator(f'a.row[href$="{handoff_id}"]').click()
    cluster.nodes[0].kill()
    away = page.get_by_text("Kafka is away.")
    await expect(away).to_be_visible(timeout=STILL_MS)
    await page.get_by_label("Note").fill("written while it was away")
    await page.get_by_role("button", name="Resolve").click(no_wait_after=True)
    await expect(page.locator("[data-sending]")).to_contain_text("Not recorded yet", timeout=STILL_MS)
    assert await page.get_by_label("Note").input_value() == "written while it was away"
    cluster.nodes[0].start()
    cluster.wait_ready()
    await expect(page.get_by_role("status").filter(has_text="Done.")).to_be_visible(timeout=STILL_MS)
    await expect(away).to_be_hidden()
    answers = await on_log(running.bootstrap, RESOLUTIONS, handoff_id=handoff_id)
    assert {one["id"] for one in answers} == {answers[0]["id"]}  # Kafka may have it twice, as one and the same event
    assert all(one == answers[0] for one in answers)
    assert answers[0]["data"]["note"] == "written while it was away"
    closed = [one for one in await on_log(running.bootstrap, HANDOFFS, handoff_id=handoff_id) if "cause" in one["data"]]
    assert len(closed) == 1
