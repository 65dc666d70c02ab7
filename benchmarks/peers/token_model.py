"""A model that streams Chat Completions at a known rate, each token with the time at which it was
made: what the bots of `llm_turns.py` ask.

    python benchmarks/peers/token_model.py --port 9012

The caller's last words say how many tokens, how far apart (`relay_script.py`); the first one is
made when the request is there. One chunk a token, as services send them."""

import argparse
import json

import uvicorn
from relay_script import answer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route


async def complete(request: Request) -> StreamingResponse:
    asked = await request.json()
    return StreamingResponse(
        events(asked["messages"][-1]["content"]), media_type="text/event-stream"
    )


async def events(prompt: str):  # type: ignore[no-untyped-def]
    async for token in answer(prompt):
        yield chunk({"content": token})
    yield chunk({}, "stop")
    yield "data: [DONE]\n\n"


def chunk(delta: dict[str, str], finish: str | None = None) -> str:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    fields = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "any"}
    return f"data: {json.dumps({**fields, 'choices': [choice]})}\n\n"


app = Starlette(routes=[Route("/v1/chat/completions", complete, methods=["POST"])])

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, required=True)
    uvicorn.run(app, port=parser.parse_args().port, log_level="warning")
