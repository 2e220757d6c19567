"""A shop whose tools remember that they ran, for the adapters' tests: every framework gets the same ones."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Shop:
    """`ran` lists what really ran, in order."""

    ran: list[tuple[str, Any]] = field(default_factory=list)

    async def get_order(self, order_id: str) -> dict[str, Any]:
        """Look up an order."""
        self.ran.append(("get_order", order_id))
        if order_id == "missing":
            raise KeyError("no such order")
        return {"order_id": order_id, "total": 50}

    async def issue_refund(self, order_id: str, amount: int) -> dict[str, Any]:
        """Give money back."""
        self.ran.append(("issue_refund", amount))
        return {"refunded": amount}
