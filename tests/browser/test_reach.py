"""Everybody can work here: on a phone, by keyboard alone, with a screen reader; whatever customers write."""

import asyncio
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from handrail.schemas.topics import RESOLUTIONS
from tests.browser.conftest import NewPage
from tests.browser.desks import Desk, scripted
from tests.browser.shop import asking, on_log, proposing

pytestmark = pytest.mark.kafka
PHONE = {"viewport": {"width": 375, "height": 740}, "has_touch": True, "is_mobile": True}
AXE = "axe-core@4.10.3"
CACHE = Path(__file__).resolve().parents[2] / ".cache" / "axe"
TABS_MAX = 60


@pytest.fixture(scope="session")
def axe() -> str:
    """The script of axe-core, fetched once into .cache; skips where npm cannot."""
    script = CACHE / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        if shutil.which("npm") is None:
            pytest.skip("needs axe-core: npm is not installed (apt-get install npm)")
        CACHE.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--silent", "--no-save", "--ignore-scripts", "--prefix", str(CACHE), AXE]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        if done.returncode:
            pytest.skip(f"needs axe-core: npm cannot fetch {AXE}: {done.stderr.strip()[:200]}")
    return script.read_text()


async def findings(page: Page, axe: str) -> list[str]:
    """What axe finds that is serious or critical."""
    session = await page.context.new_cdp_session(page)  # not through the page: its policy allows no other script
    await session.send("Runtime.evaluate", {"expression": axe})
    response = await session.send(
        "Runtime.evaluate",
        {"expression": "axe.run().then(JSON.stringify)", "awaitPromise": True, "returnByValue": True},
    )
    violations: list[dict[str, Any]] = json.loads(response["result"]["value"])["violations"]
    return [
        f"{violation['id']}: {violation['nodes'][0]['html']}"
        for violation in violations
        if violation["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_serious(a_desk: Desk, new_page: NewPage, axe: str, scheme: str) -> None:
    page = await new_page(color_scheme=scheme)
    await page.goto(a_desk.url)
    await page.get_by_label("User").wait_for()
    assert await findings(page, axe) == []
    await a_desk.login(page, "ana")
    async with proposing(a_desk.bootstrap, "refund", 300) as waiting:
        await page.locator("a.row").first.wait_for()
        assert await findings(page, axe) == []
        await page.keyboard.press("?")
        await page.get_by_role("heading", name="Keys").wait_for()
        assert await findings(page, axe) == []
        await page.goto(f"{a_desk.url}/handoffs/{waiting.handoff_id}")
        await page.get_by_text("About this handoff").click()
        assert await findings(page, axe) == []
        await page.get_by_role("button", name="Approve").click()
        await page.get_by_role("status").filter(has_text="Done.").wait_for()
        assert await findings(page, axe) == []
        await page.goto(f"{a_desk.url}/handoffs/hf-nowhere")
        assert await findings(page, axe) == []


async def test_a_phone_shows_all_without_scrolling_sideways(a_desk: Desk, new_page: NewPage) -> None:
    page = await new_page(**PHONE)
    await a_desk.login(page, "ana")
    long = "x" * 400 + " " + "I want my money back. " * 20
    async with proposing(a_desk.bootstrap, "credit", 300, words=long) as waiting:
        await page.locator(f'a.row[href$="{waiting.handoff_id}"]').wait_for()
        assert await sideways(page) == 0
        await page.locator(f'a.row[href$="{waiting.handoff_id}"]').tap()
        await page.get_by_role("heading", name="Your answer").wait_for()
        assert await sideways(page) == 0
        approve = page.get_by_role("button", name="Approve")
        box = await approve.bounding_box()
        assert box is not None
        assert box["height"] >= 44  # a finger's
        await approve.tap()
        await asyncio.wait_for(waiting.answer, 20)


async def sideways(page: Page) -> int:
    """How many pixels the page is wider than the window, once its style sheet is there.

    A page is asked for its width as soon as its text is there, and would answer without its style.
    """
    await page.wait_for_load_state()
    overflow: int = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return overflow


async def test_a_refund_is_approved_by_single_keys(a_desk: Desk, new_page: NewPage) -> None:
    page = await new_page()
    await a_desk.login(page, "ana")
    async with proposing(a_desk.bootstrap, "credit", 310) as waiting:
        await page.locator(f'a.row[href$="{waiting.handoff_id}"]').wait_for()
        await page.keyboard.press("/")
        await expect(page.get_by_label("Search")).to_be_focused()
        await page.keyboard.type(waiting.conversation)
        await page.keyboard.press("Enter")
        await expect(page.locator("a.row")).to_have_count(1)
        await scripted(page)
        await page.keyboard.press("j")
        await page.keyboard.press("c")  # claims it, and is there
        await expect(page.locator(".claim")).to_contain_text("You work on it")
        await scripted(page)
        await page.keyboard.press("n")
        await page.keyboard.type("a note with a, d and ? in it")
        await page.keyboard.press("Escape")
        await page.keyboard.press("a")
        await expect(page.get_by_role("button", name="Approve")).to_be_focused()
        assert not waiting.answer.done()  # the key goes there and presses nothing
        await page.keyboard.press("Enter")
        await page.get_by_role("status").filter(has_text="Done.").wait_for()
        await asyncio.wait_for(waiting.answer, 20)
        await scripted(page)
        await page.keyboard.press("g")
        await page.get_by_role("heading", name="Queue").wait_for()


async def test_tab_goes_everywhere_and_is_trapped_nowhere(a_desk: Desk, new_page: NewPage) -> None:
    page = await new_page()
    await a_desk.login(page, "ana")
    async with proposing(a_desk.bootstrap, "credit", 320) as waiting:
        await page.goto(f"{a_desk.url}/handoffs/{waiting.handoff_id}")
        passed = []
        for _ in range(TABS_MAX):
            await page.keyboard.press("Tab")
            if await page.evaluate("document.activeElement === document.body"):
                break  # once round
            passed.append(await page.evaluate(FOCUSED))
        else:
            pytest.fail(f"no way out: {passed}")
        assert all(seen for _, seen in passed), passed  # the focus is visible everywhere
        names = " ".join(name for name, _ in passed)
        assert re.search("To the content.*Keys.*Log out.*Queue.*Claim.*note.*Approve.*Deny", names), names


FOCUSED = """() => {
  const at = document.activeElement;
  const style = getComputedStyle(at);
  return [at.innerText || at.name, style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2];
}"""


@pytest.mark.parametrize("script", [True, False])
async def test_enter_in_a_field_answers_nothing(a_desk: Desk, new_page: NewPage, script: bool) -> None:
    page = await new_page(java_script_enabled=script)
    await a_desk.login(page, "ana")
    handoff_id = await asking(a_desk.bootstrap)
    await page.goto(f"{a_desk.url}/handoffs/{handoff_id}")
    await page.get_by_text("About this handoff").click()
    await page.get_by_label("Cost in USD").fill("1.50")
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Cost in USD")).to_have_value("1.50")
    await page.get_by_role("group", name="Did it need a person?").get_by_label("Yes").focus()
    await page.keyboard.press("Space")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("group", name="Did it need a person?").get_by_label("Yes")).to_be_checked()
    await page.goto(f"{a_desk.url}/handoffs/{handoff_id}")
    await expect(page.locator(".head .pill")).to_have_text("unclaimed")
    assert await on_log(a_desk.bootstrap, RESOLUTIONS, handoff_id=handoff_id) == []


async def test_single_keys_can_be_turned_off(a_desk: Desk, new_page: NewPage) -> None:
    page = await new_page()
    await a_desk.login(page, "ana")
    await page.keyboard.press("?")
    await page.get_by_label("Single keys do this").uncheck()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("heading", name="Keys")).to_be_hidden()
    await page.keyboard.press("/")
    await expect(page.get_by_label("Search")).not_to_be_focused()
