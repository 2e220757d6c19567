"""Looking back at the log: verify it, export it, read its dead letters."""
