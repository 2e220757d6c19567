"""The conversations of the demo: what customers say, and what the agent tries. All of it is made up."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from handrail.demo.chat import Chat

Play = Callable[[Chat], Awaitable[None]]
MODEL = "gpt-4.1-mini"


@dataclass(frozen=True, slots=True)
class Story:
    """One conversation: its id, what it shows, and how it goes."""

    id: str
    title: str
    play: Play


async def refund_50(chat: Chat) -> None:
    await chat.customer("My mug arrived broken. I'd like my $50 back, please.", tier="gold")
    await chat.thinks(MODEL, 900, 60)
    await chat.acts("get_order", {"order_id": "A-1001"}, {"total": 50, "delivered": True})
    await chat.acts("issue_refund", {"order_id": "A-1001", "amount": 50}, {"refunded": 50})
    await chat.says("Your $50 are on their way back to you.", confidence=0.97)
    await chat.ends("resolved", csat=5)


async def refund_300_waits(chat: Chat) -> None:
    await chat.customer("The coffee machine I bought does not work. I want a refund of $300.")
    await chat.acts("get_order", {"order_id": "A-1002"}, {"total": 300, "delivered": True})
    await chat.acts("issue_refund", {"order_id": "A-1002", "amount": 300}, {"refunded": 300})


async def refund_300_approved(chat: Chat) -> None:
    await chat.customer("The espresso grinder I bought is faulty, please refund the $300.", tier="gold")
    await chat.thinks(MODEL, 1200, 80)
    await chat.acts("get_order", {"order_id": "A-1003"}, {"total": 300, "delivered": True})
    asked = await chat.acts("issue_refund", {"order_id": "A-1003", "amount": 300}, {"refunded": 300}, wait=False)
    await chat.human_answers(asked, "approved", note="Photo checked, serial number matches.")
    await chat.says("A colleague has approved it: $300 are on their way.", confidence=0.95)
    await chat.ends("resolved", csat=5)


async def refund_450_denied(chat: Chat) -> None:
    await chat.customer("I changed my mind about the sofa, refund my $450 now.")
    asked = await chat.acts("issue_refund", {"order_id": "A-1004", "amount": 450}, {"refunded": 450}, wait=False)
    await chat.human_answers(asked, "denied", note="Past the return date.")
    await chat.acts("issue_refund", {"order_id": "A-1004", "amount": 450}, {"refunded": 450})
    await chat.says("I'm sorry, this order can't be returned any more.", confidence=0.9)
    await chat.ends("resolved", csat=2)


async def refund_900(chat: Chat) -> None:
    await chat.customer("I want my $900 for the TV back. All of it!", tier="gold")
    await chat.thinks(MODEL, 1500, 90)
    await chat.acts("get_order", {"order_id": "A-1005"}, {"total": 900, "delivered": True})
    await chat.acts("issue_refund", {"order_id": "A-1005", "amount": 900}, {"refunded": 900})
    await chat.says("A colleague will look at your refund; they have all the details.", confidence=0.93)


async def fraud(chat: Chat) -> None:
    await chat.customer("There are two payments on my card that I never made. I think someone stole my card details.")


async def wants_a_human(chat: Chat) -> None:
    await chat.customer("No more bots. I want to speak to a human, please.")
    await chat.says("Let me help you with that first!", confidence=0.99)


async def presses_the_button(chat: Chat) -> None:
    await chat.customer("Where is my parcel?")
    await chat.acts("check_delivery", {"order_id": "A-1008"}, {"status": "in transit"})
    await chat.asks_for_human()


async def account_taken_over(chat: Chat) -> None:
    await chat.customer("Someone has hacked my account and changed my password, I can't log in any more.")


async def loop(chat: Chat) -> None:
    await chat.customer("When will my order A-1010 arrive?")
    for _ in range(4):
        await chat.acts("check_delivery", {"order_id": "A-1010"}, {"status": "unknown"})


async def same_answer(chat: Chat) -> None:
    await chat.customer("How do I return the shoes I bought?")
    for question in ("But where is that form?", "I have no order number any more, what then?", "Hello?"):
        await chat.says("You can return shoes with the form on our returns page.", confidence=0.8)
        await chat.customer(question)


async def cost_overrun(chat: Chat) -> None:
    await chat.customer("Please compare all your phone plans for a family of five.")
    for _ in range(4):
        await chat.thinks("gpt-4.1", 1_400_000, 9_000)
    await chat.acts("get_order", {"order_id": "A-1011"}, {"total": 0})


async def nuggets(chat: Chat) -> None:
    await chat.customer("I'd like 260 chicken nuggets. Wait, no: 26!")
    await chat.acts("add_to_order", {"item": "chicken nuggets", "quantity": 260}, {"lines": 1})
    await chat.acts("add_to_order", {"item": "chicken nuggets", "quantity": 26}, {"lines": 1})
    await chat.says("26 chicken nuggets are in your order.", confidence=0.98)
    await chat.ends("resolved", csat=4)


async def unsure(chat: Chat) -> None:
    await chat.customer("Does the warranty cover water damage if I live abroad?")
    await chat.thinks(MODEL, 800, 40)
    await chat.says("Yes, everything is covered everywhere.", confidence=0.31)


async def never_asked(chat: Chat) -> None:
    chat.agent_id = "night-agent"  # from here on it is supervised
    await chat.customer("Please send my order to my new address.")
    await chat.acts_unasked("change_address", {"order_id": "A-1014", "city": "Utrecht"}, {"changed": True})
    await chat.says("Your order goes to Utrecht now.", confidence=0.95)


async def unknown_price(chat: Chat) -> None:
    await chat.customer("Which of your teas has no caffeine?")
    await chat.thinks("house-model-7b", 700, 50)
    await chat.says("Rooibos, peppermint and camomile have none.", confidence=0.9)
    await chat.ends("resolved", csat=4)


STORIES = (
    Story("refund-50", "a refund of $50", refund_50),
    Story("refund-300", "a refund of $300, nobody has answered yet", refund_300_waits),
    Story("refund-300-approved", "a refund of $300 that a human approves", refund_300_approved),
    Story("refund-450-denied", "a refund of $450 that a human denies", refund_450_denied),
    Story("refund-900", "a refund of $900", refund_900),
    Story("fraud", "a fraud report", fraud),
    Story("human", "“I want to speak to a human”", wants_a_human),
    Story("button", "the customer presses “human”", presses_the_button),
    Story("takeover", "a hacked account", account_taken_over),
    Story("loop", "the same look-up four times", loop),
    Story("same-answer", "the same answer three times", same_answer),
    Story("overrun", "an agent that thinks for $10", cost_overrun),
    Story("nuggets", "260 chicken nuggets", nuggets),
    Story("unsure", "an answer of low confidence", unsure),
    Story("bypass", "an agent that acts without asking", never_asked),
    Story("no-price", "a model without a known price", unknown_price),
)
