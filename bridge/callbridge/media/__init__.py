"""Media streaming: the WebSocket that carries a call's audio both ways."""
