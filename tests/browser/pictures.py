"""The pictures of docs/desk.md, from a real desk with made-up handoffs: `python -m tests.browser.pictures`."""

import asyncio
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

from handrail.broker import EmbeddedBroker
from handrail.schemas.topics import RESOLUTIONS
from tests.browser.desks import Desk, desk
from tests.browser.records import handoff, publish

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "images"
WIDE, PHONE = {"width": 1280, "height": 820}, {"width": 390, "height": 780}
WORDS = (
    ("refunds", "urgent", 4, "My espresso grinder came with a broken lid. I have written twice. I want my money back."),
    ("fraud", "urgent", 11, "There are two payments on my card that I did not make."),
    ("refunds", "high", 26, "The blue mug is in pieces. Can I have the money for it, please?"),
    ("service", "high", -3, "No more bots. I want to speak to a person."),
    ("general", "normal", 48, "You charged me twice for the same order."),
    ("refunds", "normal", 55, "I sent the kettle back last week and heard nothing."),
    ("general", "low", 170, "Where can I see my old invoices?"),
)


def story(number: int, now_ms: int) -> dict[str, object]:
    """One made-up handoff."""
    queue, priority, minutes, words = WORDS[number]
    told = handoff(number + 1, now_ms)["data"]
    due = (
        handoff(minutes - 1, now_ms)["data"]["due_at"]
        if minutes > 0
        else handoff(0, now_ms - 240_000)["data"]["due_at"]
    )
    amount = 420 - 70 * number
    asks = queue in ("service", "general")
    pending = {**told["pending"], "arguments": {"order_id": f"A-10{number}2", "amount": amount}, "expires_at": due}
    reason = {
        **told["reasons"][1],
        "rule_id": "refund-needs-two" if amount > 400 else "refund-needs-approval",
        "message": f"Refund of ${amount} needs two people (above $400)."
        if amount > 400
        else f"Refund of ${amount} needs approval (above $100).",
        "evidence": {
            "field": "refund_amount_usd",
            "operator": "greater_than",
            "value": amount,
            "threshold": 400 if amount > 400 else 100,
        },
    }
    asked = {**reason, "code": "customer.asked", "policy_id": None, "rule_id": None, "message": "", "evidence": {}}
    at = told["opened_at"]
    return handoff(
        number + 1,
        now_ms,
        queue=queue,
        priority=priority,
        due_at=due,
        kind="route" if asks else "approval",
        pending=None if asks else pending,
        approvals=None if asks else {"needed": 2 if amount > 400 else 1, "by": []},
        problem={"text": words, "summary": words},
        reason=asked if asks else reason,
        reasons=[asked if asks else reason],
        customer={
            "ref": f"cust-{31 + number}",
            "tier": ("gold", "silver")[number % 2],
            "locale": "en",
            "account": {"orders": 3 + number, "refunds this year": 1},
        },
        attempts=[
            {
                **told["attempts"][0],
                "arguments": {"order_id": f"A-10{number}2"},
                "result": {"total": amount, "delivered": True, "photo": "lid broken"},
            }
        ],
        transcript=[
            {"role": "customer", "text": words, "at": at, "offset": 1},
            {"role": "assistant", "text": "I am sorry. I have asked a colleague to look at it.", "at": at, "offset": 2},
        ],
        said_to_customer=["I am sorry. I have asked a colleague to look at it."],
    )


def person_says(number: int, now_ms: int, who: str, name: str, kind: str, **told: object) -> dict[str, object]:
    """A claim or an answer to one of them."""
    about = handoff(number + 1, now_ms)
    data = {
        "handoff_id": about["data"]["handoff_id"],
        "conversation_id": about["subject"],
        "at": about["data"]["opened_at"],
    }
    return {
        **about,
        "id": f"{kind}-{number}",
        "type": f"handrail.{kind}.v1",
        "data": {**data, "by": {"id": who, "name": name}, **told},
    }


async def main() -> None:
    """All pictures are in docs/images."""
    os.environ["HANDRAIL_DESK_LOGINS_PER_MIN"] = "1000"
    program = shutil.which("chromium") or sys.exit("needs Chromium: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder, EmbeddedBroker() as broker:
        now_ms = int(time.time() * 1000)
        await publish(broker.bootstrap, (story(number, now_ms) for number in range(len(WORDS))))
        digest = story(0, now_ms)["data"]["pending"]["action_digest"]  # type: ignore[index]
        said = [
            person_says(1, now_ms, "ben", "Ben", "handoff.claimed"),
            person_says(0, now_ms, "ben", "Ben", "resolution", outcome="approved", action_digest=digest),
        ]
        await publish(broker.bootstrap, said, RESOLUTIONS)
        with desk(Path(folder), broker.bootstrap) as found:
            async with async_playwright() as playwright:
                browser = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
                await pictures(browser, found)
                await browser.close()


async def pictures(browser: Browser, running: Desk) -> None:
    """Each page once, and what is worth it on a phone and in the dark."""
    case = f"/handoffs/hf-{1:024x}"
    ben = await (await browser.new_context()).new_page()
    await running.login(ben, "ben", case)
    await _taken(browser, running, "desk-queue", "/", viewport=WIDE)
    await _taken(browser, running, "desk-case", case, whole=True, viewport=WIDE)
    await _taken(browser, running, "desk-case-dark", case, whole=True, viewport=WIDE, color_scheme="dark")
    await _taken(browser, running, "desk-phone", "/", viewport=PHONE, device_scale_factor=2, is_mobile=True)


async def _taken(
    browser: Browser, running: Desk, name: str, path: str, *, whole: bool = False, **options: object
) -> None:
    context = await browser.new_context(locale="en-GB", timezone_id="Europe/Berlin", **options)  # type: ignore[arg-type]
    page: Page = await context.new_page()
    await running.login(page, "ana", path)
    if path != "/":
        await page.get_by_text("is looking at this too").wait_for()
    await page.screenshot(path=FOLDER / f"{name}.png", full_page=whole)
    await context.close()


if __name__ == "__main__":
    asyncio.run(main())
