"""Calls, conferences and queues of an account, as somebody at a terminal asks for them."""
