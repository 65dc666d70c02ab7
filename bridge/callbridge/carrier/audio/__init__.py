"""Sound that waits, and sound that is joined."""
