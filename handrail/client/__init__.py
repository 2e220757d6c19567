"""What an agent imports: ask before acting, wait for the decision, and keep to it. Needs the base install only."""
