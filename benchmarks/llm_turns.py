"""Where a turn with a language model spends its time, beside the same by hand and by pipecat.

    python -m benchmarks.llm_turns asked [--pipecat /path/to/bin/python]
    python -m benchmarks.llm_turns relay
    python -m benchmarks.llm_turns media
    python -m benchmarks.llm_turns memory

All ask one local model (`peers/token_model.py`), whose tokens say when they were made. `asked`:
from asking until the model has the request, and from a token made until it is in hand. `relay`:
whole sessions over sockets by the load generator of `callbridge bench`. `media`: whole calls in
real time, caller, carrier and bridge in this process; what is ours between a clause that is there
and its first frame, without the voice engine's own time. Everything takes turns, so that what else
runs on the machine is the same for all."""

import argparse
import asyncio
import gc
import json
import os
import sys
import tracemalloc
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from time import monotonic, process_time
from typing import Any

import numpy as np
from benchmarks.llm import TURN, BenchCall
from openai import AsyncOpenAI

from callbridge import App, Call, Turn
from callbridge.bench import session
from callbridge.bench.figures import merge
from callbridge.bench.relay_script import RelayLoad, prompt, read_token
from callbridge.bench.results import Figures, Slo, Spread
from callbridge.bench.run import Run
from callbridge.bots import llm
from callbridge.host.bind import free_ports
from callbridge.host.child import running
from callbridge.speech.engines import Speech, Word
from callbridge.tape.events import CallEvent, WaterfallMeasured
from callbridge.tape.tape import CallIds
from callbridge.testing import Pair, Wait, caller, run, says, scripted
from callbridge.timing.clock import SystemClock
from callbridge.timing.jobs import InlineJobs

HERE = Path(__file__).parent
TOKENS, TOKEN_MS = 20, 15
Asked = tuple[float, list[tuple[float, str]]]  # when, and the tokens with their time of arrival


@asynccontextmanager
async def model() -> AsyncGenerator[str]:
    """The local model as a process; its address, which is in the environment, too."""
    (port,) = free_ports("127.0.0.1", 1)
    program = str(HERE / "peers" / "token_model.py")
    async with running("model", sys.executable, program, "--port", str(port), env={}) as server:
        await session.listens(server, port)
        url = f"http://127.0.0.1:{port}/v1"
        os.environ |= {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "any"}
        yield url


# ---- a request and its tokens --------------------------------------------------------------------


async def asked(answers: int, rounds: int, pipecat: str) -> None:
    async with model() as url:
        found: dict[str, list[Asked]] = {}
        client = AsyncOpenAI()
        chat = llm.ChatModel("any", client=client)
        ways: dict[str, Callable[[str], AsyncIterator[str]]] = {
            "the SDK alone": lambda words: by_sdk(client, words),
            "llm.reply": lambda words: llm.reply(BenchTurn(words), TURN, model=chat),
        }
        for number in range(rounds):
            for nth in range(answers + 3):
                for name, way in ways.items():
                    got = await timed(way, nth)
                    if nth >= 3:  # the first ones warm up
                        found.setdefault(name, []).append(got)
            if pipecat:
                theirs = await by_pipecat(pipecat, url, answers + 3)
                found.setdefault("pipecat's service", []).extend(theirs[3:])
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
    for name, each in found.items():
        requests, tokens = legs(each)
        print(f"{name:18} to the request {spread(requests)}   to a token {spread(tokens)}")


class BenchTurn(BenchCall):
    """A call on which one thing was said."""

    def __init__(self, words: str) -> None:
        super().__init__()
        item = self.history_items[-1]
        self.history_items = [type(item)(0, "user", words)]


async def timed(way: Callable[[str], AsyncIterator[str]], number: int) -> Asked:
    began = monotonic()
    tokens = [(monotonic(), piece) async for piece in way(prompt(TOKENS, TOKEN_MS, number))]
    return began, tokens


async def by_sdk(client: AsyncOpenAI, words: str) -> AsyncIterator[str]:
    messages: Any = [{"role": "system", "content": "x"}, {"role": "user", "content": words}]
    stream = await client.chat.completions.create(model="any", messages=messages, stream=True)
    async with stream:
        async for piece in stream:
            if piece.choices and (text := piece.choices[0].delta.content):
                yield text


async def by_pipecat(python: str, url: str, answers: int) -> list[Asked]:
    program = str(HERE / "peers" / "pipecat_llm.py")
    options = ["--url", url, "--answers", str(answers)]
    options += ["--tokens", str(TOKENS), "--token-ms", str(TOKEN_MS)]
    pipe, null = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    child = await asyncio.create_subprocess_exec(
        python, program, *options, stdout=pipe, stderr=null, env=env
    )
    printed, _ = await child.communicate()
    return [(began, tokens) for began, tokens in json.loads(printed.splitlines()[-1])]


def legs(answers: Sequence[Asked]) -> tuple[list[float], list[float]]:
    """Milliseconds: from asking to the request's arrival, and of each token its way here."""
    requests: list[float] = []
    tokens: list[float] = []
    for began, got in answers:
        ages = [age for at, token in got if (age := read_token(token, at)) is not None]
        assert len(ages) == len(got) == TOKENS, got
        requests.append(1000 * (got[0][0] - ages[0][1] - began))
        tokens += [1000 * age[1] for age in ages]
    return requests, tokens


def spread(values: Sequence[float]) -> str:
    p50, p99 = np.quantile(values, (0.5, 0.99))
    return f"p50 {p50:6.2f}  p99 {p99:6.2f} ms"


# ---- relay ---------------------------------------------------------------------------------------


class Quiet:
    def phase(self, target: str, calls: int, phase: str, seconds: float = 0.0) -> None: ...

    def step(self, figures: Figures) -> None:
        print(f"{figures.target}: {figures.verdict} {figures.why}", file=sys.stderr)

    def refused(self, target: str, calls: int, why: str) -> None: ...


async def relay(calls: int, seconds: float, rounds: int) -> None:
    load = RelayLoad(tokens=TOKENS, token_ms=TOKEN_MS, every_s=5.0 + TOKENS * 8 / 15)
    sound = session.LoadSound()
    async with model(), AsyncExitStack() as stack:
        targets: list[session.Session] = []
        ours = (("tokens of its own", "answer.py", ""), ("llm.reply, ready client", "", "ready"))
        for name, bot, ready in (*ours, ("llm.reply", "", "")):
            os.environ["CALLBRIDGE_BENCH_MODEL"] = ready
            session.ANSWER_BOT = (
                Path(session.__file__).with_name(bot) if bot else HERE / "llm_bot.py"
            )
            each = await stack.enter_async_context(session.own(sound, None, relay=load))
            each.name = name
            targets.append(each)
        by_hand = f"{sys.executable} {HERE / 'peers' / 'relay_fastapi_llm.py'}"
        targets.append(
            await stack.enter_async_context(session.peer(by_hand, sound, None, relay=load))
        )
        run = Run(Slo(p99_ms=1000.0), Quiet(), 2.0)
        await run.side_by_side(targets, calls, seconds, rounds)
    for target in targets:
        whole = merge([each for each in run.windows if each.target == target.name])
        print(
            f"{whole.target:24} first token {of(whole.latency_ms)}   each token "
            f"{of(whole.token_ms)}   {whole.cpu_us_per_token or 0:6.1f} us/token   "
            f"{whole.kib_per_call or 0:6.1f} KiB a call"
        )


def of(spread: Spread | None) -> str:
    return "none" if spread is None else f"p50 {spread.p50:5.2f}  p99 {spread.p99:5.2f} ms"


# ---- media ---------------------------------------------------------------------------------------


class TimedVoice:
    """The test's synthesiser, and how long it takes for each clause."""

    def __init__(self) -> None:
        self._voice = scripted().synthesiser
        self.took: list[float] = []

    def speak(self, text: str, sample_rate: int) -> Sequence[Word]:
        began = process_time()
        words = self._voice.speak(text, sample_rate)
        self.took.append(process_time() - began)
        return words


class Steps:
    """A reader of tapes: the waterfall of each turn."""

    def __init__(self) -> None:
        self.all: list[dict[str, float]] = []

    def on_event(
        self, ids: CallIds, at: float, event: CallEvent, error: BaseException | None
    ) -> None:
        if isinstance(event, WaterfallMeasured):
            self.all.append(event.after_s)


class Noting(Pair):
    """Notes the CPU time of this process when a clause is there, and when its first frame leaves.
    What else the process does in between counts as well, the carrier's own work among it."""

    clause_at: float | None = None

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self.took: list[float] = []

    def send(self, stream_id: str, text: str) -> None:
        if self.clause_at is not None and '"media"' in text:
            self.took.append(process_time() - self.clause_at)
            self.clause_at = None
        super().send(stream_id, text)


async def media(calls: int) -> None:
    async with model():
        from benchmarks.llm_bot import ready  # it names the environment's model, too

        for name, chat in (("over HTTP", llm.ChatModel("any")), ("ready client", ready())):
            await one_media(name, chat, calls)


async def one_media(name: str, chat: llm.ChatModel, calls: int) -> None:
    app, steps, voice = App(), Steps(), TimedVoice()
    engines = scripted()
    speech = Speech(engines.vad, engines.recogniser, voice)

    @app.reply
    def answer(call: Call, turn: Turn) -> AsyncIterator[str]:
        return clauses(llm.reply(call, turn, model=chat), pair)

    pair = Noting(app, clock=SystemClock(), speech=speech, jobs=InlineJobs(), readers=(steps,))
    says_it = says("say 1 tokens 0 ms apart number 1")
    for _ in range(calls):
        await pair.call(caller(says_it, Wait("bot_speaking", 0.1), Wait("bot_silent", 0.6)))
    await pair.close()
    ways = {
        "final text to first token": ("final_text", "first_token"),
        "first token to first frame": ("first_token", "first_sent"),
        "first frame to heard": ("first_sent", "first_heard"),
    }
    print(f"{name}, {len(steps.all)} calls")
    for what, (a, b) in ways.items():
        print(f"  {what:28} {spread([1000 * (each[b] - each[a]) for each in steps.all])}")
    print(f"  {'clause to frame, CPU time':28} {spread([1000 * took for took in pair.took])}")
    print(f"  {'of it the voice engine':28} {spread([1000 * took for took in voice.took])}")


async def clauses(tokens: AsyncIterator[str], pair: Noting) -> AsyncIterator[str]:
    """Each token as a clause that can be spoken."""
    async for token in tokens:
        pair.clause_at = process_time()
        yield f"{token}. "


# ---- memory --------------------------------------------------------------------------------------

HELD = 5  # calls at once
SAYS = says("say 20 tokens 15 ms apart number 1")


async def parrot(call: Call, turn: Turn) -> str:
    return "word " * TOKENS


def memory() -> None:
    """What a call holds after three turns, in virtual time, with the carrier's side of it: of a bot
    with fixed words, and of one whose model says as many."""
    os.environ |= {"OPENAI_API_KEY": "any"}
    from benchmarks.llm_bot import ready

    chat = ready()

    def answer(call: Call, turn: Turn) -> AsyncIterator[str]:
        return llm.reply(call, turn, "You are on the telephone.", model=chat)

    tracemalloc.start()
    found = {name: run(held(handler)) for name, handler in (("words", parrot), ("model", answer))}
    print(f"a model adds {found['model'] - found['words']:.1f} KiB a call")


async def held(handler: Any) -> float:
    app = App()
    app.reply()(handler)
    pair = Pair(app)
    turn = (SAYS, Wait("bot_speaking", 0.2), Wait("bot_silent", 1.0))
    await pair.call(caller(*turn, *turn))  # pays for what is made only once
    empty = traced()
    stays = caller(*turn, *turn, *turn, Wait("bot_speaking", 1.0, 60))
    calls = [pair.place(stays) for _ in range(HELD)]
    await asyncio.sleep(60.0)  # of virtual time: all have had their three turns by then
    kib = (traced() - empty) / HELD / 1024
    for each in calls:
        await pair.finished(each)
    await pair.close()
    return kib


def traced() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("what", choices=("asked", "relay", "media", "memory"))
    parser.add_argument("--answers", type=int, default=30, help="asked: of each, in a round")
    parser.add_argument("--calls", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=16.0, help="relay: of a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pipecat", default="", help="asked: the interpreter that has pipecat")
    wish = parser.parse_args()
    match wish.what:
        case "asked":
            asyncio.run(asked(wish.answers, wish.rounds, wish.pipecat))
        case "relay":
            asyncio.run(relay(wish.calls, wish.seconds, wish.rounds))
        case "media":
            asyncio.run(media(wish.calls))
        case _:
            memory()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
