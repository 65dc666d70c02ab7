"""Measures what an endpoint of media streaming adds to a call, and how many calls it carries."""
