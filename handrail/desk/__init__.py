"""The human tier: what is handed over, and what people answer."""
