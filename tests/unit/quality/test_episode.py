"""One alert an episode."""

from handrail.streams.quality.verdict import Episode, observe_alarm


def begun(alarms: str) -> list[int]:
    """On which days an episode begins; `!` is a day on which the detector fires."""
    state, days = Episode(), []
    for number, alarm in enumerate(alarms):
        state, begins = observe_alarm(state, alarm == "!")
        if begins:
            days.append(number)
    return days


def test_an_episode_is_told_once() -> None:
    assert begun("..!!!!!!..!..") == [2]


def test_it_ends_after_seven_quiet_days() -> None:
    assert begun("!......!") == [0]
    assert begun("!.......!") == [0, 8]
