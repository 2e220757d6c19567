"""What others wrote is shown as it is, and cannot do anything to a terminal."""

import pytest

from handrail.desk import words


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J gone", "\\u001b[2J gone"),
        ("pay \u202e001$", "pay \\u202e001$"),
        ("two\r\nlines", "two\nlines"),
        ("plain [bold]text[/bold]", "plain [bold]text[/bold]"),
    ],
)
def test_what_could_move_the_cursor_or_turn_the_text_is_written_out(text: str, shown: str) -> None:
    assert words.plain(text) == shown


def test_an_action_is_told_in_one_line() -> None:
    pending = {"tool": "refund", "arguments": {"order_id": "#7\n8", "amount": 300}}
    assert words.call(pending) == 'run refund(order_id="#7\\n8", amount=300)'
    assert words.call({"tool": "response", "arguments": {"text": "Hello\nthere"}}) == "send “Hello there”"


@pytest.mark.parametrize(
    ("ms", "shown"),
    [(40_000, "40 s"), (59 * 60_000, "59 min"), (125 * 60_000, "2 h 5 min"), (50 * 3_600_000, "2 d 2 h")],
)
def test_time_left_has_two_units_at_most(ms: int, shown: str) -> None:
    assert words.left(ms, 0) == shown
    assert words.left(0, ms) == f"late {shown}"
