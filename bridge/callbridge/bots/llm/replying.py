"""A reply of a language model: `@app.reply` handlers yield from it, or return it.

    @app.reply(greeting="Hi, how can I help?")
    def receptionist(call: Call, turn: Turn) -> AsyncIterator[str]:
        return llm.reply(call, turn, "You are the receptionist of ...", tools=[find_order])

What the caller says cuts it like any other text: the generator is closed, and with it the HTTP
stream. Tools go on to their end unless they may be cancelled, and the next reply waits for them."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from callbridge.bots.llm.model import ChatModel, ContextTooLong, ModelAnswer
from callbridge.bots.llm.prompt import ToolRound, schema
from callbridge.bots.llm.settings import environment_model
from callbridge.bots.llm.telling import ToldHistory
from callbridge.bots.tools import Tool, Toolbox, ToolRun
from callbridge.calls.call import Call
from callbridge.errors import ModelFailed
from callbridge.voice.source import saying_now
from callbridge.voice.turn import Turn

SORRY = "Sorry, I cannot answer that just now."
FAILURES = 3  # replies in a row without the model; with the next the call is given up
MEMORY = 200  # rounds of tools that are remembered of a call


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyLimits:
    """`rounds` of tools in one reply, then the model has to answer without. `slow_s` passes before
    something is said while tools run: their own `says`, or `says` here. `history` is how many turns
    and answers the model is told of, `characters` how many characters of them and their tools, the
    newest ones; None is as many as there are."""

    rounds: int = 8
    slow_s: float = 1.0
    says: str = "One moment."
    history: int = 200
    characters: int | None = None


@dataclass(slots=True)
class _CallMemory:
    """Of one call, from reply to reply."""

    rounds: dict[int, list[ToolRound]] = field(default_factory=dict[int, list[ToolRound]])
    failures: int = 0  # in a row
    oldest: int = 0  # item that the model takes: what is before it was too much

    def add(self, behind: int, tools: ToolRound) -> None:
        self.rounds.setdefault(behind, []).append(tools)
        while sum(map(len, self.rounds.values())) > MEMORY:
            del self.rounds[min(self.rounds)]

    def running(self) -> list[ToolRun]:
        every = (each for rounds in self.rounds.values() for tools in rounds for each in tools.runs)
        return [run for run in every if not run.done]


played: list[ChatModel] = []  # by a test, in the place of every model: the last one
_memories: "WeakKeyDictionary[Call, _CallMemory]" = WeakKeyDictionary()


async def reply(
    call: Call,
    turn: Turn | None,
    instructions: str = "",
    *,
    tools: Iterable[Tool | Callable[..., object]] | Toolbox = (),
    model: ChatModel | None = None,
    limits: ReplyLimits | None = None,
    sorry: str = SORRY,
) -> AsyncGenerator[str]:
    """The model's answer to what was said on the call, piece by piece.

    `model` is that of the environment unless it is given. When it fails `sorry` is said; the fourth
    time in a row raises ModelFailed, and the call is given up. Raises BotError for tools of which
    no schema can be made, and CallError after a tool that has ended the call or handed it over."""
    toolbox = tools if isinstance(tools, Toolbox) else Toolbox(tools)
    memory = _memories.setdefault(call, _CallMemory())
    limits = limits or ReplyLimits()
    if played:
        model = played[-1]
    elif model is None:  # made in a thread the first time: it takes a tenth of a second
        made = environment_model.cache_info().currsize
        model = environment_model() if made else await asyncio.to_thread(environment_model)
    replying = _ModelReply(call, model, toolbox, memory, limits)
    try:
        async with aclosing(replying.pieces(turn, instructions)) as pieces:
            async for piece in pieces:
                yield piece
    except ModelFailed as failure:
        memory.failures += 1
        call.log.error("the language model failed: %s", failure)
        if memory.failures > FAILURES:
            raise
        yield replying.spoken(sorry)
    else:
        memory.failures = 0


class _ModelReply:
    def __init__(
        self,
        call: Call,
        model: ChatModel,
        toolbox: Toolbox,
        memory: _CallMemory,
        limits: ReplyLimits,
    ) -> None:
        self._call = call
        self._model = model
        self._toolbox = toolbox
        self._memory = memory
        self._limits = limits
        self._schema = schema(toolbox.tools)
        self._answer: ModelAnswer
        self._silent = True  # nothing but spaces was yielded so far
        self._before = ""  # yielded last

    async def pieces(self, turn: Turn | None, instructions: str) -> AsyncGenerator[str]:
        """Raises ModelFailed, CallError."""
        runs: Sequence[ToolRun] = self._memory.running()  # of a reply that was cut
        try:
            if phrase := await self._slow(runs):
                yield self.spoken(phrase)
                await _sounds()
            await _ended(runs)
            telling = self._told(turn, instructions)
            for left in range(self._limits.rounds, -1, -1):
                async with aclosing(self._asked(telling, may_call=left > 0)) as pieces:
                    async for piece in pieces:
                        yield piece
                answer = self._answer
                if not answer.calls:
                    break
                spoke = bool(answer.text.strip())
                if spoke or (turn is not None and not turn.over):
                    await _sounds()  # and the caller has really finished, whom tools are run for
                tools = self._begun(answer, telling.behind, may_call=left > 0)
                runs = tools.runs
                if not spoke and (phrase := await self._slow(runs)):
                    yield self.spoken(phrase)
                    await _sounds()
                await _ended(runs)
                telling.add(tools)
        finally:
            for run in runs:
                run.dismiss()  # those that have ended take no notice
        if self._silent and telling.messages()[-1]["role"] != "tool":
            raise ModelFailed(f"{self._model.name} at {self._model.host}: the answer is empty")

    def _told(self, turn: Turn | None, instructions: str) -> ToldHistory:
        """The call so far, as far as the limits go and the model can take it."""
        limits, memory = self._limits, self._memory
        every = self._call.history_items[-limits.history :]
        items = [item for item in every if item.number >= memory.oldest]
        telling = ToldHistory(instructions, items, memory.rounds, turn)
        if limits.characters is not None and telling.leave_out(limits.characters):
            left_out = len(items) - telling.items
            self._call.log.debug("left out for the limit: the oldest %d turns", left_out)
        return telling

    async def _asked(self, telling: ToldHistory, *, may_call: bool) -> AsyncGenerator[str]:
        """The text of the model's next message; `_answer` has the whole message. What is too long
        for the model is asked once more, by half. Raises ModelFailed."""
        for again in (False, True):
            messages = telling.messages()
            self._answer = self._model.answer(messages, self._schema, may_call=may_call)
            beginning = True
            try:
                async with aclosing(self._answer.pieces()) as pieces:
                    async for piece in pieces:
                        yield self.spoken(piece, apart=beginning)
                        beginning = False
                return
            except ContextTooLong as failure:
                if again or not beginning or not self._leave_half_out(telling, failure):
                    raise

    def _leave_half_out(self, telling: ToldHistory, failure: ContextTooLong) -> bool:
        """For this request and all later ones of the call; False if there is nothing to leave."""
        before = telling.items
        if not telling.leave_out(telling.characters // 2):
            return False
        self._memory.oldest = telling.oldest
        self._call.log.warning(
            "%s; asked again without the oldest %d of %d turns and answers, from now on; "
            "ReplyLimits(characters=...) leaves them out beforehand",
            failure, before - telling.items, before,
        )  # fmt: skip
        return True

    def _begun(self, answer: ModelAnswer, behind: int, *, may_call: bool) -> ToolRound:
        """The tools that an answer calls, all at once. Raises ModelFailed."""
        if not may_call:
            rounds = self._limits.rounds
            raise ModelFailed(f"{self._model.name}: it still calls tools after {rounds} rounds")
        runs = [self._toolbox.start(self._call, c.name, c.arguments) for c in answer.calls]
        tools = ToolRound(answer.text, answer.calls, runs)
        self._memory.add(behind, tools)
        return tools

    async def _slow(self, runs: Sequence[ToolRun]) -> str:
        """Wait for a while; what to say if they have not ended by then."""
        if runs:
            await asyncio.wait({run.task for run in runs}, timeout=self._limits.slow_s)
        for run in runs:
            if not run.done and run.settings.says != "":
                return run.settings.says or self._limits.says
        return ""

    def spoken(self, text: str, *, apart: bool = True) -> str:
        """What is yielded, with a space before it where it has to stand `apart`."""
        glued = self._before[-1:].strip() and text[:1].strip()
        self._silent = self._silent and not text.strip()
        self._before = text
        return f" {text}" if apart and glued else text


async def _sounds() -> None:
    """What was yielded so far is said, though no sentence ends there: more may take a while. Of a
    reply that is prepared ahead, when the turn is over."""
    if (saying := saying_now()) is not None:
        await saying.caught_up(heard=False)


async def _ended(runs: Sequence[ToolRun]) -> None:
    if runs:
        await asyncio.wait({run.task for run in runs})
