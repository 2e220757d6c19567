"""Agent frameworks, governed: each module needs its framework, and says which extra brings it where it is missing.

`langgraph`, `openai_agents`, `claude_agent` and `litellm`. Plain Python needs none of them: `Agent.tool` is it.
"""
