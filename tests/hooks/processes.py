"""Real `handrail hooks` processes for tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

from tests.hooks.receiver import SECRET_LINE
from tests.processes import SESSION_S, HandrailProcess


class Hooks(HandrailProcess):
    """`handrail hooks` with `folder/hooks.yaml`, with a short session."""

    program = ("tests.hooks.program",)

    def __init__(self, bootstrap: str, folder: Path, *options: str) -> None:
        given = (
            "--bootstrap",
            bootstrap,
            "--hooks",
            str(folder / "hooks.yaml"),
            "--session-timeout-s",
            SESSION_S,
            *options,
        )
        super().__init__(folder / "hooks.log", "hooks", *given)


@contextmanager
def hooks(bootstrap: str, folder: Path, *options: str) -> Iterator[Hooks]:
    """Hooks that are ready, killed afterwards where the test has not ended them."""
    process = Hooks(bootstrap, folder, *options)
    try:
        yield process.wait_ready()
    finally:
        process.kill()


def write(folder: Path, text: str) -> None:
    """hooks.yaml and the secret that it may name."""
    (folder / "hooks.yaml").write_text(dedent(text))
    (folder / "secret").write_text(SECRET_LINE + "\n")


def to(url: str, *more: str, retry: str = "{first_s: 0.05, longest_s: 0.3, give_up_s: 60}") -> str:
    """A hooks.yaml with one hook to a receiver on this machine; `more` are further lines of it."""
    lines = ["hooks:", "  - name: desk", f"    url: {url}/hook", "    secret_file: secret", "    private: true"]
    return "\n".join([*lines, "    since: beginning", f"    retry: {retry}", *(f"    {line}" for line in more)])
