"""Everything on one machine, kept running."""
