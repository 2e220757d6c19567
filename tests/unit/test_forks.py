"""A fork of the tests' server is what `python -m` would have started: it starts, hears signals and ends alike."""

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests import forks

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def program(tmp_path: Path) -> str:
    """The name of a program that does as its argument says, in a folder of its own."""
    (tmp_path / "does.py").write_text(
        "import atexit, os, signal, sys, threading, time\n"
        "atexit.register(lambda: print('at exit', flush=True))\n"
        "what = sys.argv[1]\n"
        "if what == 'shows':\n"
        "    print(__name__, sys.argv[1:], os.getcwd(), os.environ.get('COLOUR'), sys.stdin.read(), flush=True)\n"
        "    print('wrong', file=sys.stderr)\n"
        "elif what == 'raises':\n"
        "    raise ValueError('no')\n"
        "elif what == 'exits':\n"
        "    sys.exit(7)\n"
        "elif what == 'waits':\n"
        "    print('ready', threading.active_count(), signal.getsignal(signal.SIGCHLD), flush=True)\n"
        "    time.sleep(60)\n"
    )
    return "does"


def plain(program: str, *arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", program, *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, input="said", timeout=60)


@pytest.mark.parametrize("what", ["shows", "raises", "exits"])
def test_it_says_and_ends_as_a_process_of_its_own_does(
    program: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLOUR", "blue")
    mine = forks.run(program, what, "--option", input="said", timeout=60, cwd=tmp_path)
    theirs = plain(program, what, "--option", cwd=tmp_path)
    assert (mine.returncode, mine.stdout) == (theirs.returncode, theirs.stdout)
    assert mine.stderr.splitlines()[-1:] == theirs.stderr.splitlines()[-1:]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_a_signal_ends_it_as_it_ends_any_process(program: str, number: signal.Signals, tmp_path: Path) -> None:
    if signal.getsignal(number) is signal.SIG_IGN:
        pytest.skip(f"{number.name} is ignored here, as in what a script runs in the background")
    with forks.Popen(program, "waits", stdout=forks.PIPE, stderr=forks.DEVNULL, cwd=tmp_path) as one:
        assert one.stdout is not None
        assert one.stdout.readline() == f"ready 1 {signal.SIG_DFL:d}\n".encode()
        assert one.poll() is None
        one.send_signal(number)
        assert one.wait(60) == -number
    assert not psutil.pid_exists(one.pid)


def test_it_has_no_file_of_the_server(program: str, tmp_path: Path) -> None:
    with forks.Popen(program, "waits", stdout=forks.PIPE, cwd=tmp_path) as one:
        assert one.stdout is not None
        one.stdout.readline()
        open_files = {str(file.readlink()) for file in Path(f"/proc/{one.pid}/fd").iterdir()}
        one.kill()
    assert not [file for file in open_files if file.startswith("socket:")]


def test_what_does_not_end_in_time_is_killed(program: str, tmp_path: Path) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        forks.run(program, "waits", timeout=1, cwd=tmp_path)
