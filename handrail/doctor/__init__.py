"""What Handrail runs on, what it can reach, what is wrong and how to repair it."""
