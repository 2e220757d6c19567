"""A real desk in a process of its own, with users who log in as people do."""

import re
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from urllib.parse import urljoin

from playwright.async_api import Page

from handrail.broker.ports import HOST, free_port
from handrail.desk.web.security.passwords import hashed
from handrail.desk.web.security.person import Role
from handrail.desk.web.security.settings import USERS_FILE
from handrail.desk.web.security.users import User, changing
from tests.processes import HandrailProcess

PASSWORD = "correct horse battery staple"
WORKERS: tuple[Role, ...] = ("reader", "agent", "approver")
PEOPLE: Mapping[str, tuple[str, tuple[Role, ...]]] = {
    "ana": ("Ana", WORKERS),
    "ben": ("Ben", WORKERS),
    "rita": ("Rita", ("reader",)),
    "vera": ("Vera", ("revealer",)),
}
_URL = re.compile(r"desk at (\S+?),")


class Desk(HandrailProcess):
    """`handrail desk` on a port of its own, which stays the same when it is started again."""

    program = ("tests.browser.command",)

    def __init__(self, folder: Path, bootstrap: str, *options: str) -> None:
        self.folder, self.bootstrap, self.options = folder, bootstrap, options
        self.listen = f"{HOST}:{free_port()}"
        self.line = ""
        self._start()

    def _start(self) -> None:
        given = ("--bootstrap", self.bootstrap, "--data", str(self.folder), "--listen", self.listen)
        super().__init__(self.folder / "desk.log", "desk", *given, *self.options)

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                if line.startswith(b"ready"):
                    self.line = line.decode()
                    self._ready.set()

    @property
    def url(self) -> str:
        """The address that it says it is at."""
        match = _URL.search(self.line)
        assert match is not None, self.line
        return match[1]

    def start_again(self) -> None:
        """After a kill: the same desk, ready."""
        self._start()
        self.wait_ready()

    async def login(self, page: Page, who: str, path: str = "/") -> None:
        """`who` is at that page of the desk, through the login."""
        await page.goto(urljoin(self.url, path))
        await page.get_by_label("User").fill(who)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Log in").click()
        await page.get_by_role("button", name="Log out").wait_for()
        await scripted(page)


async def scripted(page: Page) -> None:
    """The page that is shown has run its script, so that keys do something: `defer` runs it before this event."""
    await page.wait_for_load_state("domcontentloaded")


@contextmanager
def desk(folder: Path, bootstrap: str, *options: str) -> Iterator[Desk]:
    """A desk that is ready, with PEOPLE in it; ended afterwards where the test has not."""
    folder.mkdir(parents=True, exist_ok=True)
    with changing(folder / USERS_FILE) as users:
        users |= {who: _user(who, name, roles) for who, (name, roles) in PEOPLE.items()}
    running = Desk(folder, bootstrap, *options)
    try:
        yield running.wait_ready()
        assert "Traceback" not in running.said(), running.said()
        if running.process.poll() is None:
            assert running.stop(signal.SIGTERM) == 0, running.said()
    finally:
        running.kill()


def _user(who: str, name: str, roles: tuple[Role, ...]) -> User:
    return User(id=who, name=name, roles=list(roles), password=_hash())


@lru_cache
def _hash() -> str:
    return hashed(PASSWORD)
