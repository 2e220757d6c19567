"""Recorded conversations of other systems as events of the contract; one module for each format."""
