"""Conversation Relay: the platform listens and speaks, only text crosses the wire."""
