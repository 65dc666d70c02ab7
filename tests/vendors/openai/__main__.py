"""`python -m tests.vendors.openai`: the local server by hand, alone or around one command.

    python -m tests.vendors.openai --port 8021
    python -m tests.vendors.openai --rules examples/llm/model.json -- callbridge demo ...

With --speech it also speaks and hears (audio/speech, audio/transcriptions), by espeak-ng and
Moonshine. A command behind `--` finds the server by its environment (OPENAI_BASE_URL,
OPENAI_API_KEY, CALLBRIDGE_LLM_MODEL), and the server ends with it."""

import argparse
import asyncio
import os
import sys
from itertools import takewhile
from pathlib import Path
from typing import Any

from starlette.applications import Starlette

from tests.vendors.openai.chat import KEY, MODEL, ChatServer
from tests.vendors.openai.rules import read_rules
from tests.vendors.openai_speech import OpenAiSpeechServer
from tests.vendors.sockets import served


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.vendors.openai",
        description="A local server of OpenAI's protocols: strict, and scripted.",
    )
    parser.add_argument("--port", type=int, default=0, help="0, the default, is a free one")
    parser.add_argument("--rules", type=Path, help="what the model answers, as JSON")
    parser.add_argument("--speech", action="store_true", help="it speaks and hears, too")
    parser.add_argument(
        "--prompts", action="store_true", help="when it ends, print what the model was told"
    )
    parser.add_argument("command", nargs="*", help="what to run beside it, behind --")
    try:
        return asyncio.run(_serve(parser.parse_args()))
    except KeyboardInterrupt:
        return 130


async def _serve(wish: argparse.Namespace) -> int:
    server = ChatServer(read_rules(wish.rules)) if wish.rules else ChatServer()
    audio = OpenAiSpeechServer(key=KEY).app.routes if wish.speech else ()
    app = Starlette(routes=[*server.routes, *audio])
    async with served(app, port=wish.port) as address:
        names = {
            "OPENAI_BASE_URL": f"{address}/v1",
            "OPENAI_API_KEY": KEY,
            "CALLBRIDGE_LLM_MODEL": MODEL,
        }
        if not wish.command:
            print(
                *(f"export {name}={value}" for name, value in names.items()), sep="\n", flush=True
            )
            await asyncio.Event().wait()
        child = await asyncio.create_subprocess_exec(*wish.command, env=os.environ | names)
        code = await child.wait()
    if wish.prompts:
        _print_prompts(server)
    for refusal in server.refusals:
        print(f"refused: {refusal}", file=sys.stderr)
    return code or bool(server.refusals)


def _print_prompts(server: ChatServer) -> None:
    """Of each request what is new in it, and of the first one the instructions."""
    before: list[dict[str, Any]] = []
    for number, exchange in enumerate(server.exchanges, 1):
        messages = exchange.messages
        pairs = zip(before, messages, strict=False)
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        print(f"\nprompt {number}: {len(messages)} messages, the first {same} as before")
        for message in messages[same:]:
            calls = [call["function"] for call in message.get("tool_calls", ())]
            asked = (f"calls {call['name']} with {call['arguments']}" for call in calls)
            print(f"  {message['role']:<10}", message.get("content") or "", *asked)
        before = messages


if __name__ == "__main__":
    raise SystemExit(main())
