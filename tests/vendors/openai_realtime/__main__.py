"""`python -m tests.vendors.openai_realtime`: the local server by hand, alone or around a command.

    python -m tests.vendors.openai_realtime --port 8022
    python -m tests.vendors.openai_realtime --rules examples/realtime/model.json -- \\
        callbridge demo examples/realtime/bot.py

A command behind `--` finds the server by its environment (OPENAI_BASE_URL, OPENAI_API_KEY,
OPENAI_REALTIME_MODEL), and the server ends with it. It hears with Moonshine and speaks with
espeak-ng (the extra `speech`)."""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from starlette.applications import Starlette

from callbridge.speech.offline import offline
from callbridge.timing.jobs import ThreadJobs
from tests.vendors.openai import answers as a
from tests.vendors.openai.rules import read_rules
from tests.vendors.openai_realtime.server import KEY, MODEL, RealtimeServer
from tests.vendors.sockets import served

FAULTS: dict[str, Sequence[a.Part]] = {
    "drop": [a.Text("This sentence is "), a.Drop()],
    "stall": [a.Text("This sentence is "), a.Stall(3600.0)],
    "garbage": [a.Text("This sentence is "), a.Raw(b"{what?"), a.Text("not harmed.")],
}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.vendors.openai_realtime",
        description="A local server of OpenAI Realtime: strict, with offline engines.",
    )
    parser.add_argument("--port", type=int, default=0, help="0, the default, is a free one")
    parser.add_argument("--rules", type=Path, help="what the model answers, as JSON")
    parser.add_argument("--fault", choices=sorted(FAULTS), help="what is wrong with its 2nd answer")
    parser.add_argument("command", nargs="*", help="what to run beside it, behind --")
    wish = parser.parse_args()
    script = read_rules(wish.rules) if wish.rules else a.repeats
    if wish.fault:
        script = second(script, FAULTS[wish.fault])
    try:
        return asyncio.run(_serve(wish.port, script, wish.command))
    except KeyboardInterrupt:
        return 130


def second(script: a.Script, fault: Sequence[a.Part]) -> a.Script:
    """The script with a fault in the place of its second answer."""
    answers = 0

    def with_fault(request: dict[str, object]) -> a.Answer:
        nonlocal answers
        answers += 1
        return a.Completion(fault) if answers == 2 else script(request)

    return with_fault


async def _serve(port: int, script: a.Script, command: list[str]) -> int:
    server = RealtimeServer(script, offline(apart=False), ThreadJobs(), wall=time.time)
    async with served(Starlette(routes=server.routes), port=port) as address:
        names = {
            "OPENAI_BASE_URL": f"{address}/v1",
            "OPENAI_API_KEY": KEY,
            "OPENAI_REALTIME_MODEL": MODEL,
        }
        if not command:
            exports = (f"export {name}={value}" for name, value in names.items())
            print(*exports, sep="\n", flush=True)
            await asyncio.Event().wait()
        child = await asyncio.create_subprocess_exec(*command, env=os.environ | names)
        code = await child.wait()
    for refusal in server.refused:
        print(f"refused: {refusal}", file=sys.stderr)
    return code or bool(server.refused)


if __name__ == "__main__":
    raise SystemExit(main())
