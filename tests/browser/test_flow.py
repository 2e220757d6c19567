"""From an agent that proposes to a person in the browser, and back."""

import asyncio

import pytest
from playwright.async_api import Page, expect

from handrail.schemas.topics import AUDIT, RESOLUTIONS
from tests.browser.conftest import NewPage
from tests.browser.desks import Desk
from tests.browser.shop import asking, denied, on_log, proposing, writes

pytestmark = pytest.mark.kafka


async def open_case(page: Page, handoff_id: str) -> None:
    """From the queue to the handoff, as a person goes."""
    await page.locator(f'a.row[href="/handoffs/{handoff_id}"]').click()
    await page.get_by_role("heading", name="Your answer").wait_for()


async def test_a_refund_is_approved_in_the_browser_and_the_agent_goes_on(a_desk: Desk, new_page: NewPage) -> None:
    page = await new_page()
    await a_desk.login(page, "ana")
    async with proposing(a_desk.bootstrap, "credit", 300) as waiting:
        await open_case(page, waiting.handoff_id)  # it comes without a reload
        for words in ("My mug arrived broken", "needs approval", "cust-17", "get_order"):
            await expect(page.locator("main")).to_contain_text(words)
        digest = await page.locator(".digest").inner_text()
        await page.get_by_label("Note").fill("receipt seen")
        await page.get_by_role("button", name="Approve").click()
        await expect(page.get_by_role("status").filter(has_text="Done.")).to_contain_text(
            "the agent may now run credit"
        )
        permit = await asyncio.wait_for(waiting.answer, 20)
        assert permit.arguments == {"order_id": "#W1", "amount": 300}
    (resolution,) = await on_log(a_desk.bootstrap, RESOLUTIONS, handoff_id=waiting.handoff_id)
    data = resolution["data"]
    assert (data["outcome"], data["by"], data["note"]) == ("approved", {"id": "ana", "name": "Ana"}, "receipt seen")
    assert data["action_digest"] == digest
    assert data["handling_s"] >= 0
    assert data["signature"]
    seen = await on_log(a_desk.bootstrap, AUDIT, handoff_id=waiting.handoff_id)
    assert {"view", "approved"} <= {record["data"]["action"] for record in seen}
    assert all(record["data"]["by"]["id"] == "ana" and record["data"]["session"] for record in seen)


async def test_a_denial_comes_to_the_agent_with_its_note(a_desk: Desk, new_page: NewPage) -> None:
    page = await new_page()
    await a_desk.login(page, "ana")
    async with proposing(a_desk.bootstrap, "credit", 200) as waiting:
        await open_case(page, waiting.handoff_id)
        await page.get_by_label("Note").fill("past the return date")
        await page.get_by_role("button", name="Deny").click()
        await expect(page.get_by_role("status").filter(has_text="Done.")).to_contain_text("must not run credit")
        blocked = await denied(waiting)
        assert blocked.decision.reasons[0].evidence == {"by": "ana", "note": "past the return date"}


async def test_the_page_says_what_the_customer_wrote_since_and_asks_to_look_again(
    a_desk: Desk, new_page: NewPage
) -> None:
    page = await new_page()
    await a_desk.login(page, "ana")
    async with proposing(a_desk.bootstrap, "credit", 300) as waiting:
        await open_case(page, waiting.handoff_id)
        await expect(page.locator(".news")).to_have_count(0)
        await writes(a_desk.bootstrap, waiting.conversation, "Wait, please do NOT send the money yet.")
        banner = page.locator(".news")
        await expect(banner).to_contain_text("The customer wrote or acted again after this was asked.")
        await expect(banner).to_contain_text("please do NOT send the money")
        await expect(page.locator(".transcript .tag.new")).to_have_count(1)
        await page.get_by_label("Note").fill("receipt seen")
        await page.get_by_role("button", name="Approve").click()
        await expect(page.get_by_role("alert")).to_contain_text("Read it again before you approve")
        await expect(page.get_by_label("Note")).to_have_value("receipt seen")
        assert await on_log(a_desk.bootstrap, RESOLUTIONS, handoff_id=waiting.handoff_id) == []
        await page.get_by_role("button", name="Approve").click()
        await expect(page.get_by_role("status").filter(has_text="Done.")).to_contain_text("may now run credit")
        assert (await asyncio.wait_for(waiting.answer, 20)).arguments["amount"] == 300
    (resolution,) = await on_log(a_desk.bootstrap, RESOLUTIONS, handoff_id=waiting.handoff_id)
    assert resolution["data"]["revision"] == 2


async def test_two_people_are_two_people(a_desk: Desk, new_page: NewPage) -> None:
    ana, ben = await new_page(), await new_page()
    await a_desk.login(ana, "ana")
    await a_desk.login(ben, "ben")
    async with proposing(a_desk.bootstrap, "refund", 400) as waiting:
        await open_case(ana, waiting.handoff_id)
        await open_case(ben, waiting.handoff_id)
        await expect(ana.locator("[data-others]")).to_have_text("Ben is looking at this too.")
        await expect(ben.locator("[data-others]")).to_have_text("Ana is looking at this too.")
        await ana.get_by_role("button", name="Approve").click()
        await expect(ana.get_by_role("status").filter(has_text="Done.")).to_contain_text("1 of 2")
        await expect(ana.get_by_role("button", name="Approve")).to_be_disabled()
        await expect(ben.locator(".four-eyes")).to_contain_text("1 of 2 people have approved: ana")
        assert not waiting.answer.done()
        again = await ana.evaluate(SENT_BY_HAND, [f"/handoffs/{waiting.handoff_id}/answer", "approved"])
        assert again == 409  # not by hand either
        await ben.get_by_role("button", name="Approve").click()
        await expect(ben.get_by_role("status").filter(has_text="Done.")).to_contain_text("may now run refund")
        await expect(ana.locator(".head .pill")).to_have_text("answered")
        assert (await asyncio.wait_for(waiting.answer, 20)).arguments["amount"] == 400
        await ben.goto("about:blank")
        await expect(ana.locator("[data-others]")).to_be_hidden()


SENT_BY_HAND = """async ([path, outcome]) => {
  const form = document.querySelector("[data-answer]");
  const body = new URLSearchParams();
  for (const field of form.querySelectorAll("input[type=hidden]")) body.set(field.name, field.value);
  body.set("outcome", outcome);
  return (await fetch(path, { method: "POST", body })).status;
}"""


async def test_a_person_helps_and_says_what_the_handoff_was_worth(a_desk: Desk, new_page: NewPage) -> None:
    page = await new_page()
    await a_desk.login(page, "ana")
    handoff_id = await asking(a_desk.bootstrap)
    await open_case(page, handoff_id)
    await page.get_by_role("button", name="Claim").click()
    await expect(page.locator(".claim")).to_contain_text("You work on it")
    await page.get_by_text("About this handoff").click()
    await page.get_by_role("group", name="Did it need a person?").get_by_label("Yes").check()
    await page.get_by_role("group", name="Was all you needed here?").get_by_label("No").check()
    await page.get_by_label("What was missing").fill("order, address")
    await page.get_by_label("Cost in USD").fill("four")
    await page.get_by_label("Note").fill("sent a new one")
    await page.get_by_role("button", name="Resolve").click()
    await expect(page.get_by_role("alert").filter(has_text="That did not count")).to_contain_text("cost_usd")
    assert await page.get_by_label("Note").input_value() == "sent a new one"
    await page.get_by_label("Cost in USD").fill("4.20")
    await page.get_by_role("button", name="Resolve").click()
    await expect(page.get_by_role("status").filter(has_text="Done.")).to_contain_text("a human keeps the conversation")
    (claimed, resolution) = await on_log(a_desk.bootstrap, RESOLUTIONS, handoff_id=handoff_id)
    assert claimed["type"] == "handrail.handoff.claimed.v1"
    data = resolution["data"]
    assert (data["handoff_needed"], data["context_ok"], data["context_missing"]) == (True, False, ["order", "address"])
    assert data["cost_usd"] == "4.20"
    assert "customer_repeated" not in data


async def test_a_conversation_goes_back_to_the_ai_with_a_note(a_desk: Desk, new_page: NewPage) -> None:
    page = await new_page()
    await a_desk.login(page, "ana")
    handoff_id = await asking(a_desk.bootstrap)
    await open_case(page, handoff_id)
    await page.get_by_label("Note").fill("only a delivery question")
    await page.get_by_role("button", name="Return to the AI").click()
    await expect(page.get_by_role("status").filter(has_text="Done.")).to_contain_text("the AI may answer again")
    (resolution,) = await on_log(a_desk.bootstrap, RESOLUTIONS, handoff_id=handoff_id)
    assert (resolution["data"]["outcome"], resolution["data"]["note"]) == ("returned", "only a delivery question")


async def test_what_others_close_is_closed_here_and_what_was_typed_stays(a_desk: Desk, new_page: NewPage) -> None:
    ana, ben = await new_page(), await new_page()
    await a_desk.login(ana, "ana")
    await a_desk.login(ben, "ben")
    async with proposing(a_desk.bootstrap, "credit", 250) as waiting:
        await open_case(ana, waiting.handoff_id)
        await open_case(ben, waiting.handoff_id)
        await ana.get_by_label("Note").fill("half a thou")
        await ben.get_by_role("button", name="Deny").click()
        await expect(ana.get_by_role("status").filter(has_text="Closed.")).to_be_visible()
        await expect(ana.get_by_role("button", name="Approve")).to_be_disabled()
        assert await ana.get_by_label("Note").input_value() == "half a thou"
        await denied(waiting)


async def test_a_double_click_counts_once(a_desk: Desk, new_page: NewPage) -> None:
    page = await new_page(java_script_enabled=False)  # the page's script would stop it; the server has to
    await a_desk.login(page, "ana")
    async with proposing(a_desk.bootstrap, "credit", 260) as waiting:
        await page.goto(f"{a_desk.url}/handoffs/{waiting.handoff_id}")
        await page.get_by_role("button", name="Approve").dblclick(no_wait_after=True)
        await page.get_by_text("the agent may now run credit").wait_for()
        await asyncio.wait_for(waiting.answer, 20)
    assert len(await on_log(a_desk.bootstrap, RESOLUTIONS, handoff_id=waiting.handoff_id)) == 1


async def test_the_same_form_sent_many_times_at_once_counts_once(a_desk: Desk, new_page: NewPage) -> None:
    page = await new_page()
    await a_desk.login(page, "ana")
    async with proposing(a_desk.bootstrap, "credit", 270) as waiting:
        await page.goto(f"{a_desk.url}/handoffs/{waiting.handoff_id}")
        statuses = await page.evaluate(
            f"async (given) => Promise.all(Array.from({{length: 8}}, () => ({SENT_BY_HAND})(given)))",
            [f"/handoffs/{waiting.handoff_id}/answer", "approved"],
        )
        assert set(statuses) == {200}
        await asyncio.wait_for(waiting.answer, 20)
    assert len(await on_log(a_desk.bootstrap, RESOLUTIONS, handoff_id=waiting.handoff_id)) == 1


async def test_who_may_only_read_is_offered_nothing_and_refused(a_desk: Desk, new_page: NewPage) -> None:
    page = await new_page()
    await a_desk.login(page, "rita")
    async with proposing(a_desk.bootstrap, "credit", 280) as waiting:
        await open_case(page, waiting.handoff_id)
        await expect(page.get_by_text("To answer this you need the role approver")).to_be_visible()
        assert await page.get_by_role("button", name="Approve").count() == 0
        status = await page.evaluate(
            """async (path) => (await fetch(path, {method: "POST", body: new URLSearchParams({
                 csrf: document.querySelector("input[name=csrf]").value, outcome: "approved"})})).status""",
            f"/handoffs/{waiting.handoff_id}/answer",
        )
        assert status == 403
        assert not waiting.answer.done()


async def test_what_was_redacted_is_revealed_on_a_click_that_is_on_the_log(a_desk: Desk, new_page: NewPage) -> None:
    ana, vera = await new_page(), await new_page()
    await a_desk.login(ana, "ana")
    await a_desk.login(vera, "vera")
    async with proposing(a_desk.bootstrap, "credit", 290) as waiting:
        for page in (ana, vera):
            await open_case(page, waiting.handoff_id)
            await expect(page.locator("#main")).not_to_contain_text("cust-17@example.com")
        assert await ana.get_by_role("button", name="Reveal").count() == 0
        assert await on_log(a_desk.bootstrap, AUDIT, action="reveal", handoff_id=waiting.handoff_id) == []
        await vera.get_by_role("button", name="Reveal customer.contact.email").click()
        await expect(vera.locator("#main")).to_contain_text("cust-17@example.com")
        (data,) = await on_log(a_desk.bootstrap, AUDIT, action="reveal", handoff_id=waiting.handoff_id)
    assert (data["data"]["by"]["id"], data["data"]["detail"]["path"]) == ("vera", "customer.contact.email")
    assert "cust-17@example.com" not in str(data)
