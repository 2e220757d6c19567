"""Earned autonomy over simulated intents."""
