"""Agent frameworks, governed: each module needs its framework, and names the extra to install where it is missing.

`registry` lists them. Plain Python needs none of them: `Agent.tool` is its adapter.
"""
