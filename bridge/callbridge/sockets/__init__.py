"""The servers of the WebSockets, and who may come in."""
