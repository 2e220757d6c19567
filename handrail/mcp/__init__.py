"""A proxy between an MCP client and an MCP server over stdio: it proposes each `tools/call` before the server gets it.

Needs the base install only. Written against the specification's revisions 2024-11-05 to 2026-07-28
(https://modelcontextprotocol.io/specification) and JSON-RPC 2.0 (https://www.jsonrpc.org/specification).
"""

from handrail.mcp.session import run
from handrail.mcp.settings import Settings

__all__ = ["Settings", "run"]
