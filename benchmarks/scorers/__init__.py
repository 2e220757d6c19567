"""Scorers on the recorded conversations, beside the reward that says whether the task was done."""
