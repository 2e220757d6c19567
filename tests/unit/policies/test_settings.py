"""limits.yaml, routing.yaml, tools.yaml and agents.yaml: what they say to whom, and the defaults without them."""

from decimal import Decimal

import pytest

from handrail.policies import Limits, load_bundle
from handrail.schemas.errors import PolicyErrors
from handrail.schemas.money import PICO
from tests.bundles import bundle

LIMITS = """
default: {steps_max: 50}
tenants: {acme: {steps_max: 20, cost_usd_max: "2.50"}}
agents: {refunds: {steps_max: 5, confidence_min: {response: 0.7}}}
"""
ROUTING = """
topics: [orders, fraud]
default_queue: desk
rules:
  - when: {wants_human: true, customer: {tier: [gold, platinum]}}
    route: human
    queue: gold
    priority: urgent
    due_in_s: 60
  - {when: {topic: fraud}, route: human, skills: [fraud]}
  - {when: {risk: [medium, high]}, route: ai_supervised}
  - {when: {attributes.value: 500}, route: human}
"""


def test_limits_without_a_file() -> None:
    limits = load_bundle(None).limits("anyone", "any")
    assert limits == Limits()
    assert (limits.loop_iterations, limits.steps_max, limits.cost_pico_max) == (3, 100, 10 * PICO)
    assert (limits.conversation_steps_max, limits.conversation_cost_pico_max) == (300, 30 * PICO)
    assert (limits.decision_ttl_s, limits.approval_ttl_s) == (60, 3600)


@pytest.mark.parametrize(
    ("tenant", "agent", "steps", "usd"),
    [
        ("default", "other", 50, "10"),
        ("acme", "other", 20, "2.5"),
        ("default", "refunds", 5, "10"),
        ("acme", "refunds", 5, "2.5"),
    ],
)
def test_limits_of_the_agent_go_before_the_tenants_and_those_before_the_default(
    tenant: str, agent: str, steps: int, usd: str
) -> None:
    limits = bundle(limits=LIMITS).limits(tenant, agent)
    assert (limits.steps_max, limits.cost_pico_max) == (steps, Decimal(usd) * PICO)
    assert limits.confidence_min_response == (0.7 if agent == "refunds" else None)
    assert limits.loop_iterations == 3


def test_a_routing_file_is_read_in_its_order() -> None:
    own = bundle(routing=ROUTING)
    query = {"topic": "orders", "risk": "low", "wants_human": False, "attributes": {}, "customer": {}}

    def routed(**changed: object) -> tuple[str, str, str, int] | None:
        rule = own.route_for(query | changed)
        return rule and (rule.route, rule.queue, rule.priority, rule.due_in_s)

    assert routed() is None
    assert routed(wants_human=True) is None
    assert routed(wants_human=True, customer={"tier": "gold"}) == ("human", "gold", "urgent", 60)
    assert routed(topic="fraud", risk="high") == ("human", "desk", "normal", 3600)
    assert routed(risk="high") == ("ai_supervised", "desk", "normal", 3600)
    assert routed(attributes={"value": "500"}) == ("human", "desk", "normal", 3600)
    assert own.topics == ("orders", "fraud")


@pytest.mark.parametrize(
    "found", [{"topic": "fraud"}, {"topic": "disputes"}, {"topic": "account_security"}, {"wants_human": True}]
)
def test_without_a_routing_file_fraud_disputes_security_and_requests_go_to_a_human(found: dict[str, object]) -> None:
    rule = load_bundle(None).route_for({"topic": "orders", "risk": "low", "wants_human": False} | found)
    assert rule is not None
    assert rule.route == "human"


def test_every_topic_of_the_built_in_lexicon_is_one_of_the_built_in_routing() -> None:
    built_in = load_bundle(None)
    assert set(built_in.lexicon["topics"]) == set(built_in.topics)


def test_an_event_can_only_raise_the_effect_of_a_tool() -> None:
    own = bundle(tools="tools: {get-order: {effect: read}, Refund: {effect: write}}")
    assert [own.effect(tool) for tool in ("get_order", "refund", "other")] == ["read", "write", "unknown"]
    assert own.effect("get_order", "write") == own.effect("other", "write") == "write"
    assert own.effect("refund", "read") == "write"
    assert own.effect("shop.mcp__get_order") == "read"


def test_facts_name_their_source_and_path() -> None:
    own = bundle(tools="tools: {refund: {facts: {order_total: results.get_order_details.payment.total}}}")
    assert own.facts("get_order_details") == (("order_total", ("payment", "total"), None),)
    assert own.facts("shop.get_order_details") == own.facts("refund") == ()


def test_the_key_of_a_fact_lies_where_each_tool_has_it() -> None:
    own = bundle(
        tools="tools: {refund: {facts: {total: {from: results.shop.get_order.sum.usd, key: order_id}}}, "
        "shop.get-order: {fields: {order_id: arguments.order.id}}}"
    )
    assert own.facts("shop.get_order") == (("total", ("sum", "usd"), ("order", "id")),)
    assert own.facts("get_order") == own.facts("shop") == ()


def test_an_agent_that_is_not_listed_is_enforced() -> None:
    own = bundle(agents="agents: {trial: {enforcement: observe, sources: [/agents/trial]}}")
    assert own.agent("trial").enforcement == "observe"
    assert own.agent("other").enforcement == "enforce"


def test_a_price_is_known_or_none_never_zero() -> None:
    assert load_bundle(None).price("nobody-knows-this-model") is None
    assert load_bundle(None).price("gpt-4.1") is not None


def test_the_same_files_are_the_same_ruleset_and_any_change_is_another() -> None:
    one, other = bundle(limits=LIMITS), bundle(limits=LIMITS + "\n# a comment")
    assert one == bundle(limits=LIMITS)
    assert one.ruleset.startswith("sha256:")
    assert one != other


@pytest.mark.parametrize(
    ("name", "text", "mistake"),
    [
        ("limits", "default: {steps: 5}", "default.steps: is not known here: did you mean steps_max?"),
        (
            "limits",
            "agents: {a: {steps_max: 0}}",
            "agents.a.steps_max: must be a whole number from 1 to",
        ),
        (
            "limits",
            "default: {cost_usd_max: -1}",
            'default.cost_usd_max: must be an amount in USD such as "10.00"',
        ),
        ("routing", "rules: [{when: {}, route: human}]", "rules[0].when: is empty: name a field, or leave it out"),
        ("routing", "rules: [{route: person}]", 'rules[0].route: must be ai, ai_supervised or human, got "person"'),
        ("tools", "tools: {a-b: {}, a_b: {}}", "tools.a_b: is the tool a_b a second time"),
        ("tools", "tools: {t: {facts: {x: total}}}", "must be a path such as results.get_order.total, got"),
        (
            "tools",
            "tools: {t: {facts: {x: {from: total, key: a}}}}",
            "x.from: must be a path such as results.get_order.total",
        ),
        (
            "tools",
            "tools: {t: {facts: {x: {from: results.t.a}}}}",
            "x.key: is missing: write both, such as {from: results.",
        ),
        ("tools", "tools: {t: {facts: {x: {from: results.t.a, key: [a]}}}}", "x.key: must be the name of an argument"),
        ("agents", "agents: {a: {tenant: x}}", "agents.a.tenant: is not known here: did you mean tenants?"),
    ],
)
def test_a_mistake_in_a_settings_file_says_what_to_write(name: str, text: str, mistake: str) -> None:
    with pytest.raises(PolicyErrors) as refused:
        bundle(**{name: text})
    assert mistake in str(refused.value)


def test_sources_are_named_in_full_or_by_their_beginning() -> None:
    own = bundle(agents="recorded_sources: [/import/a, '/import/tau/*']\n")
    listed = ("/import/a", "/import/tau/", "/import/tau/x")
    assert [one for one in (*listed, "/import/ab", "/import/tau", "") if one in own.recorded_sources] == list(listed)
    assert own.recorded_sources.listed() == ["/import/a", "/import/tau/*"]
    assert not own.human_sources
    assert "" not in own.human_sources


def test_a_star_stands_at_the_end_only_and_alone_is_warned_of() -> None:
    from handrail.policies.lint import agent_warnings

    with pytest.raises(PolicyErrors, match=r"human_sources\[1\]: may have a \* at its end only"):
        bundle(agents="human_sources: [/a, '/*/b']\n")
    (warning,) = map(str, agent_warnings(bundle(agents="recorded_sources: '*'\n")))
    assert warning.startswith("agents.yaml: recorded_sources: has *")


def test_an_agents_file_says_something() -> None:
    for text in ("{}", "agents:\n", "human_sources: []\n", "agents:\nhuman_sources: [/a]\n"):
        with pytest.raises(PolicyErrors):
            bundle(agents=text)
