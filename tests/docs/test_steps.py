"""How a page is followed: files are written, commands run in order, and the first that fails is named."""

import subprocess
from pathlib import Path

from tests.docs.pages import Command, File, script, steps

PAGE = """\
# A page
```python
# greet.py
print("hello")
```
Then:
```console
$ python3 greet.py > said
$ bash -c 'echo ready; exec sleep 60' &
$ test "$(cat said)" = \\
  hello
hello
```
```console
$ false
```
"""


def followed(text: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    page = folder / "page.md"
    page.write_text(text)
    return subprocess.run(["bash", "-c", script(page)], cwd=folder, capture_output=True, text=True, timeout=60)


def test_files_and_commands_come_in_the_order_of_the_page() -> None:
    assert [type(step) for step in steps(PAGE)] == [File, Command, Command, Command, Command]
    assert [step.background for step in steps(PAGE) if isinstance(step, Command)] == [False, True, False, False]


def test_the_command_that_fails_is_named_with_its_line(tmp_path: Path) -> None:
    done = followed(PAGE, tmp_path)
    assert done.returncode == 1
    assert "page.md:15: failed: false" in done.stderr
    assert followed(PAGE.replace("$ false", "$ true"), tmp_path).returncode == 0


def test_what_never_gets_ready_is_shown_with_what_it_said(tmp_path: Path) -> None:
    done = followed("```console\n$ echo no room >&2 &\n```\n", tmp_path)
    assert done.returncode == 1
    assert "never ready" in done.stderr
    assert "no room" in done.stderr


def test_what_a_page_prints_exactly_is_compared(tmp_path: Path) -> None:
    page = "<!-- exact -->\n```console\n$ printf 'one  \\ntwo\\n'\none\ntwo\n$ echo three\nthree\n```\n"
    assert followed(page, tmp_path).returncode == 0
    done = followed(page.replace("\nthree", "\nfour"), tmp_path)
    assert (done.returncode, "page.md:6: prints something else: echo three" in done.stderr) == (1, True)
    assert followed(page.replace("\nthree", "\nfour").removeprefix("<!-- exact -->\n"), tmp_path).returncode == 0
