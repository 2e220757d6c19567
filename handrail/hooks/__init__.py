"""Webhooks: what happens to handoffs goes out over HTTP, what ticket systems say of them comes in."""
