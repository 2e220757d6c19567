"""`pytest -p tests.cost`: a table of what the tests of each folder take, by the clock and of the processors.

CPU seconds are those of the test process and of all that it has started, brokers and browsers included.
"""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePath

import psutil
import pytest

CPU_S = "cpu_s"
SLOWEST = "COST_TESTS"  # in the environment: show so many tests, the most expensive first
_read = 0.0


@pytest.hookimpl
def pytest_sessionstart(session: pytest.Session) -> None:
    _since()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report: pytest.TestReport = yield
    report.user_properties = [*report.user_properties, (CPU_S, _since())]
    return report


class Cost:
    """Adds up the reports, which other test processes send too."""

    def __init__(self) -> None:
        self.wall_s, self.cpu_s, self.tests = Counter[str](), Counter[str](), Counter[str]()
        self.by_test: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        cpu_s = sum(value for name, value in report.user_properties if name == CPU_S)
        folder = str(PurePath(report.nodeid.partition("::")[0]).parent)
        self.wall_s[folder] += report.duration
        self.cpu_s[folder] += cpu_s
        self.by_test[report.nodeid] += cpu_s
        self.tests[folder] += report.when == "call" or (report.when == "setup" and report.skipped)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        write = terminalreporter.write_line
        terminalreporter.section("cost")
        write(f"{'folder':40}{'tests':>8}{'wall s':>10}{'CPU s':>10}")
        for folder, cpu_s in [*self.cpu_s.most_common(), ("in all", self.cpu_s.total())]:
            whole = folder == "in all"
            tests = self.tests.total() if whole else self.tests[folder]
            wall_s = self.wall_s.total() if whole else self.wall_s[folder]
            write(f"{folder:40}{tests:8}{wall_s:10.1f}{cpu_s:10.1f}")
        for test, cpu_s in self.by_test.most_common(int(os.environ.get(SLOWEST, "0"))):
            write(f"{cpu_s:8.1f}  {test}")


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Cost())


def _since() -> float:
    """CPU seconds since the last call."""
    global _read
    before, _read = _read, _used()
    return _read - before


def _used() -> float:
    me = psutil.Process()
    found = sum(me.cpu_times()[:4])
    for child in me.children(recursive=True):
        try:
            found += sum(child.cpu_times()[:4])
        except psutil.Error:
            continue  # it has ended: its parent has its seconds now
    return found
