"""Chromium, a broker with a worker, and a desk in front of them."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright

from handrail.broker import EmbeddedBroker
from handrail.streams.keys import new_key
from tests.browser.desks import Desk, desk
from tests.bundles import TOOLS, TWO_PEOPLE, written
from tests.workers import worker

PROGRAMS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
WAIT_MS = 20_000
# A `credit` above $100 needs one person, a `refund` two.
ONE = TWO_PEOPLE.replace("\n      approvals: 2", "").replace("id: refunds", "id: credits")
ROUTING = """
topics: [refunds]
default_queue: general
rules:
  - when: {wants_human: true}
    route: human
    queue: service
    priority: high
    due_in_s: 600
"""
OftenEnough = {"HANDRAIL_DESK_LOGINS_PER_MIN": "1000", "HANDRAIL_DESK_ACTIONS_PER_MIN": "10000"}

NewPage = Callable[..., Awaitable[Page]]


def for_tool(policy: str, tool: str) -> str:
    """The policy for one tool only."""
    amount = "{field: amount, operator: greater_than, value: 100}"
    return policy.replace(amount, f"{{all: [{{field: tool, operator: equals, value: {tool}}}, {amount}]}}")


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium; skips where there is none."""
    program = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
    if program is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    return program


@pytest.fixture
async def browser(chromium: str) -> AsyncIterator[Browser]:
    """A browser of this test's own."""
    async with async_playwright() as playwright:
        # Without a sandbox: containers run as root. What is shown is ours.
        opened = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        await opened.close()


@pytest.fixture
async def new_page(browser: Browser) -> AsyncIterator[NewPage]:
    """Opens a page of another person; every script error, dialog and blocked content fails the test at its end."""
    wrong: list[str] = []

    async def opened(**options: object) -> Page:
        context = await browser.new_context(**options)  # type: ignore[arg-type]
        page = await context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on("dialog", lambda shown: wrong.append(f"dialog: {shown.message}"))
        page.on("console", lambda line: wrong.append(line.text) if "Content Security Policy" in line.text else None)
        return page

    yield opened
    assert wrong == []


@pytest.fixture(scope="module")
def often() -> Iterator[None]:
    """Desks of this module let tests log in as often as they like."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in OftenEnough.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def governed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A broker and a worker; its address, and the file of a key."""
    folder = tmp_path_factory.mktemp("governed")
    policies = written(
        folder / "policies",
        refunds=for_tool(TWO_PEOPLE, "refund"),
        credits=for_tool(ONE, "credit"),
        tools=TOOLS,
        routing=ROUTING,
    )
    key = folder / "signing.key"
    new_key(key)
    with EmbeddedBroker() as broker, worker(broker.bootstrap, folder, "--policies", str(policies), "--key", str(key)):
        yield broker.bootstrap, key


@pytest.fixture(scope="module")
def a_desk(governed: tuple[str, Path], often: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A desk in front of the worker."""
    bootstrap, key = governed
    with ExitStack() as opened:
        yield opened.enter_context(desk(tmp_path_factory.mktemp("desk"), bootstrap, "--key", str(key)))
