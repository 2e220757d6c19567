"""What the built-in lexicon makes of queries. Every sentence here is our own."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import pytest

from benchmarks.classifier import HELD_OUT, measure
from handrail.policies import load_bundle
from handrail.policies.folder import Bundle
from handrail.schemas.errors import PolicyErrors
from handrail.streams.governor.classify import (
    CHARACTERS_MAX,
    Classification,
    Lexicon,
    classify,
    compile_lexicon,
)
from tests.bundles import bundle


@lru_cache
def lexicon() -> Lexicon:
    return compile_lexicon(load_bundle(None).lexicon)


def classified_text(text: str) -> Classification:
    return classify(lexicon(), text)


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("This is fraud, I never bought a boat in Naples!", "fraud"),
        ("There is a withdrawal that I did not make.", "fraud"),
        ("I don't recognise the last payment in my list", "fraud"),
        ("I never made these payments, somebody stole my card details!", "fraud"),
        ("Someone hacked into my account last night", "account_security"),
        ("My account was hacked, the password is changed and I cannot log in", "account_security"),
        ("HELP my wallet was stolen on the tram", "account_security"),
        ("My card is lost, what now?", "account_security"),
        ("You charged me twice for the same ticket", "disputes"),
        ("I want to dispute what you took for the hotel", "disputes"),
        ("I sent the transfer to the wrong account", "disputes"),
        ("You will hear from my lawyer", "disputes"),
    ],
)
def test_fraud_disputes_and_account_security_are_of_high_risk(text: str, topic: str) -> None:
    assert (classified_text(text).topic, classified_text(text).risk) == (topic, "high")


@pytest.mark.parametrize(
    ("text", "topic", "intent"),
    [
        ("Where is my parcel?", "orders", "track_order"),
        ("I'd like a refund for the lamp", "refunds", "request_refund"),
        ("The vase came broken, give me my $70 back", "refunds", "request_refund"),
        ("Please cancel my order 4711", "orders", "cancel_order"),
        ("How do I reset my password?", "account", "reset_password"),
        ("Do you ship to other countries?", "delivery", "delivery_options"),
        ("I want to make a complaint about the driver", "complaints", "complaint"),
        ("Please send me the invoice", "payments", "invoice"),
    ],
)
def test_everyday_queries_have_a_topic_of_their_own(text: str, topic: str, intent: str) -> None:
    classified = classified_text(text)
    assert (classified.topic, classified.intent, classified.wants_human) == (topic, intent, False)


@pytest.mark.parametrize("text", ["What a lovely evening", "Which of your teas has no caffeine?", "", "   ", "?!"])
def test_what_the_lexicon_does_not_know_is_general_without_confidence(text: str) -> None:
    assert classified_text(text) == Classification(None, "general", "low", "simple", 0.0, False, "lexicon-1")


@pytest.mark.parametrize(
    "text",
    [
        "I want to talk to a human",
        "human!",
        "Agent, please",
        "Let me speak with a real person.",
        "put me through to your manager",
        "Can I talk to someone?",
        "No more bots. I need a representative.",
        "Why can't I talk to a human?",
        "I don't want a bot, I want a person to talk to: a human!",
        "could somebody call me back",
        "Ich möchte mit einem Menschen sprechen",
        "Gibt es einen Mitarbeiter?",
        "quiero hablar con una persona",
        "Je voudrais parler à un conseiller",
    ],
)
def test_a_customer_who_asks_for_a_human_is_heard(text: str) -> None:
    assert classified_text(text).wants_human


@pytest.mark.parametrize(
    "text",
    [
        "I don't want a human, just tell me the price",
        "I do not need to speak to an agent",
        "no need for a human, thanks",
        "I'd rather not talk to a person",
        "How do I reach human resources with an application?",
        "My travel agent booked the wrong day",
        "Your agent told me it would ship today",
        "Are you a human?",
        "I want to talk about the colour of the sofa",
        "No quiero hablar con un agente",
        "Ich brauche keinen Mitarbeiter",
    ],
)
def test_a_human_that_is_refused_or_only_mentioned_is_no_request(text: str) -> None:
    assert not classified_text(text).wants_human


def test_a_request_for_a_human_keeps_the_topic_it_is_about() -> None:
    classified = classified_text("I was charged twice. Let me talk to a human.")
    assert (classified.topic, classified.wants_human) == ("disputes", True)
    assert classified_text("Let me talk to a human.").intent == "contact_human"


def test_apostrophes_case_and_accents_of_compatibility_change_nothing() -> None:
    plain = classified_text("I didn't make this payment")
    assert plain.topic == "fraud"
    assert classified_text("i didnt make this PAYMENT") == classified_text("I didn’t make this ｐａｙｍｅｎｔ") == plain


def test_complexity_grows_with_length_questions_and_joined_matters() -> None:
    assert classified_text("Where is my parcel?").complexity == "simple"
    assert classified_text("Where is my parcel? And how do I return it?").complexity == "moderate"
    several = (
        "My parcel is late, but I also want a refund for the other order. Should I send it back first? And after that, "
        "can you change my delivery address? However, if the refund takes long, how do I get a new invoice?"
    )
    assert classified_text(several).complexity == "complex"


def test_confidence_follows_the_stated_formula() -> None:
    own = """
model: two-words
least: 2
topics: {boats: {risk: low}, trains: {risk: medium}}
intents:
  sail: {topic: boats, words: {3: [sailing], 2: [harbour], 1: [water]}}
  ride: {topic: trains, words: {2: [railway], -1: [toy railway]}}
"""
    small = compile_lexicon(bundle(lexicon=own, routing="topics: [boats, trains]").lexicon)
    assert classify(small, "sailing").confidence == 0.6  # 3 / (3 + 0 + 2)
    assert classify(small, "sailing from the harbour").confidence == 0.71  # 5 / (5 + 0 + 2)
    assert classify(small, "sailing by the railway").confidence == 0.43  # 3 / (3 + 2 + 2)
    assert classify(small, "water").confidence == 0.0  # too few points
    assert classify(small, "a toy railway").intent is None
    tie = classify(small, "harbour railway")
    assert (tie.intent, tie.topic, tie.risk, tie.model) == ("ride", "trains", "medium", "two-words")


def test_a_word_said_often_counts_once() -> None:
    assert classified_text("refund " * 50).confidence == classified_text("refund").confidence


def test_the_same_text_is_always_classified_alike() -> None:
    text = "Someone stole my card details, I want my money back and a human!"
    again = compile_lexicon(load_bundle(None).lexicon)
    assert len({classified_text(text), classify(again, text), classified_text(text)}) == 1
    assert list(classified_text(text).as_dict()) == [
        "intent",
        "topic",
        "risk",
        "complexity",
        "confidence",
        "wants_human",
        "model",
    ]


class Counted(dict[str, object]):
    """A mapping that counts how often it is asked."""

    asked = 0

    def get(self, key: str, default: object = None) -> object:  # type: ignore[override]
        self.asked += 1
        return super().get(key, default)


@pytest.mark.parametrize(
    "text", ["card " * 20_000, "a" * 100_000, "not want to " * 8_000, "?" * 100_000, "\ufdfa" * 99_999]
)
def test_a_text_of_100_kb_costs_no_more_than_its_4000_characters(text: str) -> None:
    root = Counted(lexicon().root)
    classify(replace(lexicon(), root=root), text)  # type: ignore[arg-type]
    assert root.asked <= 18 * (CHARACTERS_MAX + 1)  # NFKC makes at most 18 characters of one
    short = Counted(lexicon().root)
    classify(replace(lexicon(), root=short), text[:CHARACTERS_MAX])  # type: ignore[arg-type]
    assert root.asked <= short.asked + 2


def test_the_end_of_a_long_text_is_read_too() -> None:
    assert classified_text("blah " * 20_000 + "let me talk to a human").wants_human


def test_without_a_lexicon_nothing_is_found() -> None:
    assert classify(compile_lexicon({}), "fraud! human!").topic == "general"


def own_lexicon(text: str, **files: str) -> Mapping[str, object]:
    loaded: Bundle = bundle(lexicon=text, **files)
    return loaded.lexicon


def test_a_lexicon_of_ones_own_adds_to_the_built_in_one() -> None:
    own = "topics: {boats: {risk: medium}}\nintents: {rent_boat: {topic: boats, words: {4: [rowing boat]}}}"
    both = compile_lexicon(own_lexicon(own, routing="topics: [boats, fraud]"))
    assert classify(both, "I want to rent the rowing boats").topic == "boats"
    assert classify(both, "this is fraud").topic == "fraud"


def test_a_topic_that_the_routing_file_does_not_name_is_general_and_keeps_its_risk() -> None:
    classified = classify(compile_lexicon(own_lexicon("model: mine", routing="topics: [orders]")), "this is fraud")
    assert (classified.topic, classified.intent, classified.risk) == ("general", "report_fraud", "high")


def mistakes_in(text: str) -> Iterator[str]:
    with pytest.raises(PolicyErrors) as refused:
        bundle(lexicon=text)
    yield from (f"{Path(each.file).name}: {each.path}: {each.reason}" for each in refused.value.mistakes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("topic: {}", "lexicon.yaml: topic: is not known here: did you mean topics?"),
        ("least: none", 'lexicon.yaml: least: must be a whole number from 1 to 100, got "none"'),
        (
            "topics: {boats: {risk: hihg}}",
            'lexicon.yaml: topics.boats.risk: must be low, medium or high, got "hihg"',
        ),
        (
            "intents: {sail: {topic: frauds, words: {3: [boat]}}}",
            'lexicon.yaml: intents.sail.topic: "frauds" is no topic of this lexicon: did you mean fraud?',
        ),
        (
            "intents: {sail: {topic: fraud, words: {much: [boat]}}}",
            'lexicon.yaml: intents.sail.words.much: must be points from 1 to 9 or -9 to -1, got "much"',
        ),
        (
            "intents: {sail: {topic: fraud, words: {3: [not me]}}}",
            "lexicon.yaml: intents.sail.words.3[0]: has at most one word that `ignored` has not, "
            'got "not me": write another phrase',
        ),
        (
            "wants_human: {words: {3: [a b c d e f g]}}",
            "lexicon.yaml: wants_human.words.3[0]: has 7 words: write at most 6",
        ),
        ("risk: {low: [calm]}", "lexicon.yaml: risk.low: is not known here: write one of high or medium"),
        ("same: {not really: [never]}", 'lexicon.yaml: same.not really: must be one word, got "not really"'),
        (
            "complexity: [stole|]",
            'lexicon.yaml: complexity[0]: has a | without a word on both sides, got "stole|": write stole card|wallet',
        ),
    ],
)
def test_a_bad_lexicon_is_refused_with_what_to_write_instead(text: str, message: str) -> None:
    assert message in mistakes_in(text)


def test_figures_on_real_queries_stay_where_they_were_measured(shared: Path) -> None:
    shares = {(row.data, row.measure.strip()): row.share for row in measure(shared / "data", HELD_OUT)}
    assert shares["banking77", "must reach a human: do"] >= 0.72
    assert shares["banking77", "... without request_refund"] >= 0.78
    assert shares["banking77", "others: false alarms"] <= 0.03
    assert shares["nlupp", "ask for a human: found"] >= 0.8
    assert shares["nlupp", "others: false alarms"] <= 0.01
    assert shares["clinc150", "out of scope: false alarms"] <= 0.04
    assert shares["clinc150", "other intents: false alarms"] <= 0.015
    assert shares["bitext_cs", "topic agrees"] >= 0.88
    assert shares["bitext_cs", "contact_human_agent: found"] >= 0.85
