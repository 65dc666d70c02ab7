"""Time, and work that takes some."""
