"""The load generator: a process of its own that makes calls and notes what becomes of them.

It reads commands, JSON lines, on its standard input and answers each on its standard output. A
window's tables follow its line as raw float64, straight out of the arrays that they were noted in:
the process that draws conclusions is another one, so that thinking never delays a frame."""

import asyncio
import gc
import heapq
import os
import sys
from array import array
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from math import ceil
from time import monotonic, process_time

import msgspec

from callbridge.bench.call import LoadCall, Phrasebook
from callbridge.bench.caller import LoadCaller, Notes
from callbridge.bench.doors import (
    CarrierDoor,
    LoadDoor,
    PlainDoor,
    PlainRelayDoor,
    carrier_door,
    trust,
)
from callbridge.bench.numbered import FRAME_S
from callbridge.bench.relay_call import RelayCall
from callbridge.bench.relay_script import RelayLoad
from callbridge.bench.results import Window
from callbridge.bench.toned import forms
from callbridge.carrier.people.script import LegCodec
from callbridge.errors import CallbridgeError
from callbridge.timing.alarm import alarm
from callbridge.timing.loop import new_loop
from telecodecs import codec

GRAIN_S = 0.0002  # calls whose frames are due so close together are served by one wake-up
BURST = 8  # frames sent before what has arrived is looked at
GOLDEN = 0.6180339887498949  # spreads any number of calls evenly over the time between two sends
AT_ONCE = 16  # calls that are opened or closed at the same time
ECHO_S = 5.0  # a call that begins must have had its first echo or answer by then
PROMPT_AFTER_S = 1.0  # its first answer has been spoken by then


class LoadPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What to call. `url` is a WebSocket's, or a webhook's for a carrier at `host`:`port`."""

    url: str
    codec: LegCodec = "PCMU"
    rate: int = 8000
    reply_codec: str = "PCMU"
    reply_rate: int = 8000
    cafile: str | None = None
    host: str = "127.0.0.1"
    port: int = 0
    api_key: str = "local-key"
    processor: int | None = None  # to stay on
    spin: bool = True  # see Pacer
    echo: bool = True  # wait for echoes; else for any audio
    relay: RelayLoad | None = None  # prompts, and no audio at all


class HaveCalls(msgspec.Struct, frozen=True, tag_field="command", tag="calls"):
    """Have so many."""

    calls: int


class MeasureWindow(msgspec.Struct, frozen=True, tag_field="command", tag="measure"):
    """Note everything for so long."""

    seconds: float


class GeneratorAnswer(msgspec.Struct, frozen=True):
    """Of a command: what went wrong, or for a measured window the window, and its tables in their
    order with the size of each."""

    failed: str = ""
    window: Window | None = None
    sizes: dict[str, int] = {}


GeneratorCommand = HaveCalls | MeasureWindow


class Pacer:
    """Lets every call send when it is due, each on a grid of its own.

    With `spin` it never sleeps while there are calls. A generator that sleeps is woken by the
    endpoint's own `send`, and the endpoint pays for that: on a virtual machine 5 to 10 us a frame,
    which a caller at the other end of a network would never cost it."""

    def __init__(self, notes: Notes, *, every_s: float, spin: bool) -> None:
        self.idle_s = 0.0  # spent looking, with nothing to do
        self._notes, self._every_s, self._spin = notes, every_s, spin
        self._due: list[tuple[float, int, LoadCaller]] = []
        self._alarm = alarm(self._ring)
        self._spinning = False
        self._looked_at = 0.0
        self._seen = -1

    def add(self, call: LoadCaller, not_before: float) -> None:
        phase = call.index * GOLDEN % 1
        due = (ceil(not_before / self._every_s - phase) + phase) * self._every_s
        heapq.heappush(self._due, (due, call.index, call))
        if not self._spinning:
            self._alarm.at(self._due[0][0])

    def remove(self, call: LoadCaller) -> None:
        self._due = [entry for entry in self._due if entry[2] is not call]
        heapq.heapify(self._due)

    def _ring(self) -> None:
        due, now = self._due, monotonic()
        for _ in range(BURST):
            if not due or due[0][0] > now:
                break
            when, index, call = due[0]
            if call.closed:
                heapq.heappop(due)
                continue
            call.due = when
            call.send()
            heapq.heapreplace(due, (when + self._every_s, index, call))
        self._spinning = self._spin and bool(due)
        if self._spinning:
            self._look_again(now)
        elif due:
            when = due[0][0]
            self._alarm.at(when if when <= now else max(when, monotonic() + GRAIN_S))

    def _look_again(self, now: float) -> None:
        """At once; if nothing was sent or received since the last look, that time was idle."""
        seen = self._notes.length
        if seen == self._seen:
            self.idle_s += now - self._looked_at
        self._seen, self._looked_at = seen, now
        asyncio.get_running_loop().call_soon(self._ring)


class Generator:
    """The calls, and what they note."""

    def __init__(self, plan: LoadPlan) -> None:
        self._relay = plan.relay
        self._book = None if plan.relay else _book(plan)
        self._notes = Notes()
        every_s = plan.relay.every_s if plan.relay else FRAME_S
        self._pacer = Pacer(self._notes, every_s=every_s, spin=plan.spin)
        self._calls: list[LoadCaller] = []
        self._made = 0
        self._dropped = 0
        self._closing = False

    def new_call(self) -> LoadCaller:
        index, self._made = self._made, self._made + 1
        if self._relay is not None:
            return RelayCall(index, self._relay, self._notes, self._on_gone)
        assert self._book is not None, "there is one for frames"
        return LoadCall(index, self._book, self._notes, self._on_gone)

    def _on_gone(self) -> None:
        self._dropped += not self._closing

    async def have(self, wanted: int, door: LoadDoor) -> None:
        """Raises CallbridgeError when the endpoint does not take a call or does not echo."""
        self._forget_closed()
        if not self._calls and wanted:
            await self._add(1, door)  # one that fails says why better than many
        while len(self._calls) < wanted:
            await self._add(min(AT_ONCE, wanted - len(self._calls)), door)
        self._closing = True
        while (excess := len(self._calls) - wanted) > 0:
            some = self._calls[-min(AT_ONCE, excess) :]
            del self._calls[-len(some) :]
            for call in some:
                self._pacer.remove(call)
                await door.close(call)
            await door.quiet()
        self._closing = False
        await door.quiet()

    async def _add(self, number: int, door: LoadDoor) -> None:
        opened = await asyncio.gather(*(door.open() for _ in range(number)), return_exceptions=True)
        calls = [each for each in opened if isinstance(each, LoadCaller)]
        begins = monotonic() + (PROMPT_AFTER_S if self._relay else 0.0)
        for call in calls:
            call.greet()
            self._pacer.add(call, begins)
        self._calls += calls
        for each in opened:
            if isinstance(each, BaseException):
                raise each
        await self._hear_answers(calls)

    async def _hear_answers(self, calls: list[LoadCaller]) -> None:
        deadline = monotonic() + ECHO_S
        while silent := next((call for call in calls if not call.answered), None):
            if silent.closed:
                words = silent.words or "without a word"
                raise CallbridgeError(f"the endpoint took the stream and closed it: {words}")
            if monotonic() > deadline:
                raise CallbridgeError(silent.why_not(ECHO_S))
            await asyncio.sleep(0.005)

    def _forget_closed(self) -> None:
        self._calls = [call for call in self._calls if not call.closed]

    async def measure(self, seconds: float) -> "tuple[Window, dict[str, array[float]]]":
        """A window and its tables, by their names in it."""
        notes = self._notes
        self._forget_closed()
        for call in self._calls:
            call.count_from_here()
        calls, self._dropped = len(self._calls), 0
        notes.take()
        began, cpu, idle = monotonic(), process_time(), self._pacer.idle_s
        await asyncio.sleep(seconds)
        ended = monotonic()
        for call in self._calls:
            call.give_up(ended)
        window = Window(
            calls=calls,
            began=began,
            ended=ended,
            cpu_s=process_time() - cpu - (self._pacer.idle_s - idle),
            sent=notes.sent,
            lost=notes.lost,
            foreign=notes.foreign,
            dropped=self._dropped,
        )
        tables = {"lateness": notes.lateness, "echoes": notes.echoes}
        tables |= {"tokens": notes.tokens} if self._relay else {"messages": notes.messages}
        notes.take()
        return window, tables


def _book(plan: LoadPlan) -> Phrasebook:
    sent, heard = forms(codec(plan.codec, plan.rate), codec(plan.reply_codec, plan.reply_rate))
    return Phrasebook(sent, heard, echo=plan.echo)


# ---- the process --------------------------------------------------------------------------------


@asynccontextmanager
async def _door(plan: LoadPlan, generator: Generator) -> AsyncGenerator[LoadDoor]:
    context = trust(plan.cafile) if plan.url.startswith(("wss:", "https:")) or plan.cafile else None
    if plan.url.startswith("ws"):
        encoding = codec(plan.codec, plan.rate).encoding
        yield (
            PlainRelayDoor(plan.url, generator.new_call, context)
            if plan.relay
            else PlainDoor(plan.url, encoding, generator.new_call, context)
        )
        return
    door: CarrierDoor
    async with carrier_door(
        plan.url,
        host=plan.host,
        port=plan.port,
        api_key=plan.api_key,
        codec=plan.codec,
        new_call=generator.new_call,
        context=context,
    ) as door:
        yield door


async def run(plan: LoadPlan) -> None:
    """Carry out the commands of standard input until it ends; then hang up."""
    if plan.processor is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {plan.processor})
    generator = Generator(plan)
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(commands), sys.stdin
    )
    async with _door(plan, generator) as door:
        gc.collect()
        gc.freeze()
        gc.disable()  # its frames make no cycles, and a pause would be taken for the endpoint's
        await _answer(GeneratorAnswer())
        try:
            while line := await commands.readline():
                await _carry_out(msgspec.json.decode(line, type=GeneratorCommand), generator, door)
        finally:
            await generator.have(0, door)


async def _carry_out(command: GeneratorCommand, generator: Generator, door: LoadDoor) -> None:
    match command:
        case HaveCalls(calls):
            try:
                await generator.have(calls, door)
            except CallbridgeError as error:
                await _answer(GeneratorAnswer(failed=str(error)))
            else:
                await _answer(GeneratorAnswer())
        case MeasureWindow(seconds):
            window, tables = await generator.measure(seconds)
            sizes = {name: len(table) * table.itemsize for name, table in tables.items()}
            await _answer(GeneratorAnswer(window=window, sizes=sizes), *tables.values())


async def _answer(answer: GeneratorAnswer, *tables: "array[float]") -> None:
    await asyncio.to_thread(_write, answer, tables)


def _write(answer: GeneratorAnswer, tables: "tuple[array[float], ...]") -> None:
    """In a thread: a full pipe must not stop the frames."""
    pieces: list[bytes | array[float]] = [msgspec.json.encode(answer) + b"\n", *tables]
    for piece in pieces:
        left = memoryview(piece).cast("B")
        while left:
            left = left[os.write(1, left) :]


async def read_answer(stream: asyncio.StreamReader) -> GeneratorAnswer:
    """The other end: an answer with its window's tables filled in."""
    answer = msgspec.json.decode(await stream.readline(), type=GeneratorAnswer)
    if answer.window is None:
        return answer
    tables = {name: await stream.readexactly(size) for name, size in answer.sizes.items()}
    return msgspec.structs.replace(answer, window=msgspec.structs.replace(answer.window, **tables))


def main() -> None:
    """Of the process; its argument is a plan as JSON."""
    plan = msgspec.json.decode(sys.argv[1], type=LoadPlan)
    with asyncio.Runner(loop_factory=new_loop) as runner:
        try:
            runner.run(run(plan))
        except CallbridgeError as error:
            _write(GeneratorAnswer(failed=str(error)), ())
