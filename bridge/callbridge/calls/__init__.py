"""Calls: who owns one, the course it takes, what a bot holds of it."""
