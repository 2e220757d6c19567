"""A shop as an MCP server of the official SDK."""

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import BaseModel

shop = MCPServer("shop")


class Order(BaseModel):
    """What `get_order` promises to return."""

    order_id: str
    total: int


class Reason(BaseModel):
    """What the customer is asked."""

    reason: str


@shop.tool(annotations=ToolAnnotations(read_only_hint=True))
def get_order(order_id: str) -> Order:
    """Look an order up."""
    return Order(order_id=order_id, total=900)


@shop.tool()
def refund(order_id: str, amount: int) -> Order:
    """Give money back."""
    if order_id == "A-0":
        raise ToolError("no such order")
    return Order(order_id=order_id, total=amount)


@shop.tool()
async def count(to: int, context: Context) -> str:
    """Count, and say how far it is."""
    for number in range(1, to + 1):
        await context.report_progress(number, to)
    return f"counted to {to}"


@shop.tool()
async def cancel_order(order_id: str, context: Context) -> str:
    """Ask the customer why before it is cancelled."""
    answer = await context.elicit("Why?", Reason)
    return f"{order_id}: {answer.data.reason}" if answer.action == "accept" else f"{order_id}: kept"


if __name__ == "__main__":
    shop.run()
