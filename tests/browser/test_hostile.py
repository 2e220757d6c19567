"""Whatever customers, agents and people write is shown as text, and nothing of it runs."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.async_api import expect

from handrail.broker import EmbeddedBroker
from handrail.schemas.topics import RESOLUTIONS
from tests.browser.conftest import NewPage
from tests.browser.desks import Desk, desk
from tests.browser.records import handoff, publish
from tests.browser.shop import on_log

pytestmark = pytest.mark.kafka
PAYLOADS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(2)>",
    '"><svg onload=alert(3)>',
    "' autofocus onfocus=alert(4) x='",
    "</textarea></title></script><script>alert(5)</script>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(6)",
    "<iframe srcdoc='<script>parent.alert(7)</script>'></iframe>",
    "<form action=/logout method=post><button>Approve</button></form>",
    "<base href=//evil.example><link rel=stylesheet href=//evil.example/x.css>",
    "\u202egnp.exe \u2066 \ufeff",
)
ALL = " ".join(PAYLOADS)


def poisoned(value: Any) -> Any:
    """The value with payloads in each of its texts and names."""
    if isinstance(value, dict):
        return {f"{name} {ALL}": poisoned(one) for name, one in value.items()}
    if isinstance(value, list):
        return [poisoned(one) for one in value]
    return ALL if isinstance(value, str) else value


@pytest.fixture
def empty_desk(often: None, tmp_path: Path) -> Iterator[Desk]:
    """A desk in front of a broker without a worker."""
    with EmbeddedBroker() as broker, desk(tmp_path / "desk", broker.bootstrap) as running:
        yield running


async def test_nothing_that_others_wrote_runs(empty_desk: Desk, new_page: NewPage) -> None:
    now_ms = int(time.time() * 1000)
    sample = handoff(1, now_ms)["data"]
    texts: dict[str, Any] = {
        "agent_id": ALL,
        "tenant": "tenant <b>",
        "channel": ALL,
        "locale": ALL,
        "goal": ALL,
        "queue": ALL,
        "priority": ALL,
        "skills": [ALL],
        "customer": {"ref": "<i>cust</i>", "tier": ALL, "account": poisoned({"orders": "3"}), ALL: ALL},
        "contact": poisoned({"email": "x"}),
        "problem": {"text": ALL, "summary": ALL},
        "classification": {**sample["classification"], "intent": ALL, "topic": ALL, "model": ALL},
        "reason": {**sample["reason"], "message": ALL, "policy_id": ALL, "rule_id": ALL,
                   "evidence": poisoned({"a": "b"})},
        "reasons": [{**sample["reason"], "message": ALL, "policy_id": ALL, "rule_id": ALL,
                     "evidence": {"field": ALL, "operator": "equals", "value": ALL, "threshold": ALL, ALL: ALL}}],
        "attempts": [{**sample["attempts"][0], "tool": ALL, "verdict": ALL, "status": ALL, "error": ALL,
                      "arguments": poisoned({"a": "b"}), "result": poisoned({"a": ["b"]})}],
        "pending": {**sample["pending"], "tool": ALL, "arguments": poisoned({"a": {"b": "c"}, "d": "e"})},
        "transcript": [{"role": ALL, "text": ALL, "at": ALL, "offset": 1}],
        "said_to_customer": [ALL],
        "next_steps": [ALL],
        "redacted": [ALL],
        "follows": f"hf-{ALL}",
        "completeness": {"score": 0.5, "missing": [ALL]},
    }  # fmt: skip
    response = {**sample["pending"], "tool": "response", "arguments": {"text": ALL}}
    await publish(
        empty_desk.bootstrap,
        [
            handoff(1, now_ms, **texts),
            handoff(2, now_ms, problem={"text": ALL, "summary": ALL}, pending=response),
            handoff(3, now_ms, kind="route", pending=None, approvals=None, problem={"text": ALL, "summary": ALL}),
        ],
    )
    claim = {"id": "claim-1", "type": "handrail.handoff.claimed.v1"}
    said = {"id": "said-1", "type": "handrail.resolution.v1"}
    by = {"id": "<u>eve</u>", "name": ALL}
    at = sample["opened_at"]
    first = handoff(1, now_ms)
    about = {"handoff_id": first["data"]["handoff_id"], "conversation_id": first["subject"], "by": by, "at": at}
    second = {**about, "outcome": "approved", "note": ALL, "action_digest": first["data"]["pending"]["action_digest"]}
    await publish(
        empty_desk.bootstrap, [{**first, **claim, "data": about}, {**first, **said, "data": second}], RESOLUTIONS
    )
    page = await new_page()
    await empty_desk.login(page, "ana", f"/?text={quote(ALL[:150])}&queue={quote(ALL[:150])}&page={quote(ALL[:50])}")
    await expect(page.get_by_label("Search")).to_have_value(ALL[:150].strip())
    await page.goto(empty_desk.url)
    await expect(page.locator("a.row")).to_have_count(3)
    shown = await page.locator(".queue").inner_text()
    assert "<script>alert(1)</script>" in shown
    for number in (1, 2, 3):
        await page.goto(f"{empty_desk.url}/handoffs/hf-{number:024x}")
        main = page.locator("#main")
        await expect(main).to_contain_text("<img src=x onerror=alert(2)>")
        await expect(main).to_contain_text("{{ 7 * 7 }}{% raw %}")
        await expect(main).not_to_contain_text("\u202e")  # nothing turns the direction of what is read
        injected = "main :is(script, iframe, svg, img, base, link, [onerror], [onload], [onfocus])"
        assert await page.locator(injected).count() == 0
        assert await page.locator("main form[action='/logout']").count() == 0
    await page.get_by_label("Note").fill(ALL)
    await page.get_by_role("button", name="Resolve").click()
    await expect(page.locator("#main .answers")).to_contain_text("<script>alert(1)</script>")
    (answered,) = await on_log(empty_desk.bootstrap, RESOLUTIONS, handoff_id=f"hf-{3:024x}")
    assert answered["data"]["note"] == ALL


async def test_the_page_refuses_what_its_policy_does_not_name(empty_desk: Desk, new_page: NewPage) -> None:
    page = await new_page()
    await empty_desk.login(page, "ana")
    answer = await page.request.get(empty_desk.url)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
