"""Processes for tests that are ready sooner: forked from a parent that has done their imports.

Importing Handrail with Faust and DuckDB takes most of what a process of it costs until it is ready. Here one process,
the `server`, imports all of it once; `Popen` and `run` ask it for a fork, which becomes the program that was asked for,
as `python -m` would run it, and ends as a Python process does. It is a real process, with its own environment, folder
and files, which can be stopped and killed.
"""

from tests.forks.popen import DEVNULL, PIPE, Popen, run

__all__ = ["DEVNULL", "PIPE", "Popen", "run"]
