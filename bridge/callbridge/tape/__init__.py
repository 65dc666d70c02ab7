"""What happened on a call."""
