"""How often it may be tried."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from handrail.desk.web.security import SecuritySettings
from handrail.desk.web.security.address import client_key, client_of, normal
from handrail.desk.web.security.limits import Buckets, Delays
from tests.unit.desk.security.served import OTHER_PASSWORD, Browser, Served, served


@pytest.fixture
def strict(data: Path) -> Iterator[Served]:
    """A desk with its own limits of logins, behind a proxy on this machine."""
    settings = SecuritySettings.of({"desk_proxies": "127.0.0.1", "desk_actions_per_min": 5})
    with served(settings, data) as up:
        yield up


def tried(desk: Served, user: str, password: str, client: str) -> tuple[int, str | None]:
    """The status of a login from a client, and how long to wait."""
    with Browser(desk.url) as one:
        one.headers["X-Forwarded-For"] = client
        answer = one.login(user, password)
        return answer.status_code, answer.headers.get("retry-after")


def test_one_client_tries_ten_times_a_minute(strict: Served) -> None:
    for n in range(10):
        assert tried(strict, f"user{n}", OTHER_PASSWORD, "192.0.2.1")[0] == 401
    assert tried(strict, "anna", OTHER_PASSWORD, "192.0.2.1") == (429, "7")
    assert tried(strict, "ben", OTHER_PASSWORD, "192.0.2.2")[0] == 401
    strict.clock.now_s += 7
    assert tried(strict, "cleo", OTHER_PASSWORD, "192.0.2.1")[0] == 401


def test_from_many_clients_the_delay_for_one_user_grows(strict: Served) -> None:
    waits = []
    for n in range(14):
        status, wait = tried(strict, "anna", OTHER_PASSWORD, f"192.0.2.{n}")
        if status == 429:
            waits.append(int(wait or 0) - 1)
            strict.clock.now_s += int(wait or 0)
    assert waits == [1, 2, 4, 8, 16], "each failure after the fourth doubles it"


def test_in_the_delay_even_the_right_password_waits(strict: Served) -> None:
    for n in range(5):
        tried(strict, "anna", OTHER_PASSWORD, f"192.0.2.{n}")
    with Browser(strict.url) as one:
        assert one.login("anna").status_code == 429
        strict.clock.now_s += 2
        assert one.login("anna").status_code == 303


def test_strangers_do_not_lock_out_who_has_been_here(strict: Served) -> None:
    with Browser(strict.url) as one:
        assert one.login("anna").status_code == 303
        one.act(path="/logout")
        for n in range(8):
            tried(strict, "anna", OTHER_PASSWORD, f"192.0.2.{n}")
        assert tried(strict, "anna", OTHER_PASSWORD, "192.0.2.99")[0] == 429
        assert one.login("anna").status_code == 303


@pytest.mark.parametrize("typed", ["anna 127.0.0.1", "known anna 127.0.0.1"])
def test_what_a_stranger_types_is_not_counted_against_who_has_been_here(strict: Served, typed: str) -> None:
    with Browser(strict.url) as one:
        assert one.login("anna").status_code == 303
        one.act(path="/logout")
        for n in range(6):
            tried(strict, typed, OTHER_PASSWORD, f"192.0.2.{n}")
        assert one.login("anna").status_code == 303


def test_an_unknown_user_is_delayed_like_a_known_one(strict: Served) -> None:
    for user in ("anna", "nobody"):
        for n in range(5):
            tried(strict, user, OTHER_PASSWORD, f"192.0.2.{n}")
    assert tried(strict, "anna", OTHER_PASSWORD, "192.0.2.9") == tried(strict, "nobody", OTHER_PASSWORD, "192.0.2.9")


def test_many_at_once_gain_nothing(strict: Served) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: tried(strict, "anna", OTHER_PASSWORD, f"192.0.2.{n}")[0], range(16)))
    assert found.count(401) == 5
    assert found.count(429) == 11


def test_a_person_acts_so_often_a_minute(strict: Served) -> None:
    with Browser(strict.url) as one:
        one.login("anna")
        assert [one.act().status_code for _ in range(6)] == [200] * 5 + [429]
        answer = one.act()
        assert answer.headers["retry-after"] == "13"
        with Browser(strict.url) as ben:
            ben.login("ben")
            assert ben.act(path="/approve").status_code == 200
        strict.clock.now_s += 12
        assert one.act().status_code == 200
    assert [person for person, _ in strict.audit.of("rate.limited")] == ["anna"], "once a minute, not each time"


def test_buckets_fill_again_and_forget_the_oldest_key() -> None:
    buckets = Buckets(per_min=60, burst=2, keys_max=2)
    assert [buckets.take("a", 0.0) for _ in range(3)] == [0.0, 0.0, 1.0]
    assert buckets.take("a", 1.0) == 0.0
    assert buckets.take("a", 0.5) > 0, "a clock that is set back gives nothing"
    buckets.take("b", 1.0)
    buckets.take("c", 1.0)
    assert len(buckets._levels) == 2


def test_delays_are_bounded_and_forgotten() -> None:
    delays = Delays(keys_max=3)
    for n in range(100):
        delays.failed("a", float(n))
    assert delays.wait_s("a", 99.0) == 60.0
    delays.failed("a", 99.0 + 3_601)
    assert delays.wait_s("a", 99.0 + 3_601) == 0.0
    for key in "bcd":
        delays.failed(key, 0.0)
    assert len(delays._failures) == 3


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::9]", "2001:db8:1:2::/64"),
        ("::1", "::1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
        ("x" * 100, "x" * 64),
    ],
)
def test_a_client_is_an_address_or_a_household(host: str, key: str) -> None:
    assert client_key(normal(host)) == key


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.1", ["203.0.113.9"], "192.0.2.1"),
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["6.6.6.6, 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["6.6.6.6", "203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["10.0.0.2"], "10.0.0.2"),
    ],
    ids=["no proxy of ours", "one proxy", "invented on the left", "two proxies", "says nothing", "only proxies"],
)
def test_only_our_own_proxies_say_who_the_client_is(peer: str, forwarded: list[str], client: str) -> None:
    headers = [(b"x-forwarded-for", one.encode()) for one in forwarded]
    scope = {"type": "http", "client": (peer, 1), "headers": headers}
    assert client_of(scope, frozenset({"10.0.0.1", "10.0.0.2"})) == client
