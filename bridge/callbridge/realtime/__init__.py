"""Models that hear and speak, behind a WebSocket.

    events     what happens in such a session, whoever made the model, and what a dialect is
    wire       OpenAI Realtime: text ⇄ typed frames
    openai     OpenAI Realtime: a session, frames in, events out; no I/O, no clock
    gemini     Gemini Live: its messages, and a session
    socket     the WebSocket's client

The call's side of it is `callbridge.bots.realtime`, and `callbridge.bots.gemini`."""
