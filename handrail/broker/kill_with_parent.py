"""A process that must not outlive this one, however this one ends.

A shell waits on a pipe whose other end only we hold; when we are gone, killed or not, the pipe ends and the shell
kills the process. Linux's PR_SET_PDEATHSIG would do without the shell, but it fires when the starting thread ends,
and macOS has nothing like it.
"""

import subprocess


def kill_with_parent(pid: int) -> subprocess.Popen[bytes]:
    """Kill `pid` when this process ends, until the watcher that this returns is passed to `release`."""
    return subprocess.Popen(
        ["/bin/sh", "-c", 'read -r _; kill -9 "$0"', str(pid)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # a Ctrl-C is for us, who end things in their order
    )


def release(watcher: subprocess.Popen[bytes]) -> None:
    """Stop watching; do so before waiting for the process, since its number may be used again after that."""
    watcher.kill()
    watcher.wait()
    if watcher.stdin is not None:
        watcher.stdin.close()
