"""A shop as an MCP server of the official SDK, which reads an order from an object and from text with JSON in it."""

from mcp.server.mcpserver import MCPServer
from pydantic import BaseModel

shop = MCPServer("shop")


class Order(BaseModel):
    """What is refunded."""

    amount: int


@shop.tool()
def issue_refund(order: Order, number: int = 0) -> str:
    """Give money back."""
    return f"REFUNDED {order.amount}"


if __name__ == "__main__":
    shop.run()
