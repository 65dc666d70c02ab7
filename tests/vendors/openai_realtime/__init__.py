"""OpenAI Realtime over WebSocket: a strict local server of a model that hears and speaks.

    python -m tests.vendors.openai_realtime --port 8022

Checks every event of its client with the types of the official SDK, and every one of its own; has a
voice detector, hears and speaks with engines of this machine, and answers by a script."""
