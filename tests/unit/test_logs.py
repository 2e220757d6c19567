"""What goes to standard error of our own processes."""

import logging

from handrail.streams.process import Redacting


def line(record: logging.LogRecord) -> str:
    return Redacting("%(message)s").format(record)


def test_a_line_shows_no_address_also_where_it_came_as_an_argument() -> None:
    record = logging.LogRecord("x", logging.ERROR, "f", 1, "refused %s of %s", ("4111111111111111", "a@b.co"), None)
    assert line(record) == "refused [card …1111] of [email]"


def test_what_an_exception_says_is_looked_through_too() -> None:
    try:
        raise ValueError("no number: a@b.co")
    except ValueError as error:
        record = logging.LogRecord("x", logging.ERROR, "f", 1, "failed", (), (ValueError, error, error.__traceback__))
    assert "no number: [email]" in line(record)
    assert "ValueError" in line(record)
