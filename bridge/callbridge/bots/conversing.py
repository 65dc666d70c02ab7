"""The course of one conversation between a caller and a model that hears and speaks.

Events of the model's session become sound, history and tools; what the caller does becomes audio
and cuts. How the session is kept going is in `keeping`."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from callbridge.bots.keeping import STALL_S, SessionKeeper, SessionMaker
from callbridge.bots.own_turns import OwnTurns
from callbridge.bots.tools import Toolbox
from callbridge.calls.call import Call
from callbridge.calls.keys import Digit
from callbridge.errors import CallError
from callbridge.realtime.events import (
    CallerBegan,
    CallerEnded,
    CallerSaid,
    Dialect,
    ModelSound,
    ModelSoundEnded,
    ModelWords,
    Ready,
    Recalled,
    ReplyEnded,
    SaidBefore,
    SessionEnding,
    SessionEvent,
    ToolAsked,
    ToolUsed,
    Trouble,
)
from callbridge.realtime.socket import Connect
from callbridge.tape.waterfall import Waterfall
from callbridge.voice.live import LiveSpeech
from callbridge.voice.turn import Turn

FAILURES = 3  # replies in a row that the model could not make; after the next it is given up
RETRY_S = 1.0  # before another reply is asked for; doubled for each that follows
UNHEARD_S = 600.0  # of one item's audio that waits; what comes beyond is dropped
KEYS_TOGETHER_S = 1.5  # keys that follow each other within this are told together
REMEMBERED = 1000  # turns, items and tools of one call

BROKEN = "The connection broke while you were speaking. Go on where you were cut off."


@dataclass(frozen=True, slots=True)
class ModelBrief:
    """What the model is told besides the conversation."""

    greeting: str = ""
    keys: bool = True
    own_turns: bool = False  # our ear takes them, and not the service


class ModelTalk:
    """One call's."""

    def __init__(
        self,
        call: Call,
        session: SessionMaker,
        toolbox: Toolbox,
        brief: ModelBrief,
        connect: Connect,
    ) -> None:
        self._call = call
        self._live = call.live
        self._toolbox = toolbox
        self._brief = brief
        self._keeper = keeper = SessionKeeper(session, connect, self._live, call.log, self)
        self._own = OwnTurns(call, keeper, self._take_turn) if brief.own_turns else None
        self._memory: list[LiveSpeech | Turn | ToolUsed] = []
        self._speeches: dict[str, LiveSpeech] = {}  # by item; those that may not be over
        self._cut: set[str] = set()  # items of which nothing more is to be heard
        self._turns: dict[str, Turn] = {}  # by item; of which the words are not known yet
        self._unanswered: Turn | None = None
        self._began_ms: float | None = None
        self._over_bot = False
        self._failures = 0
        self._tools: set[asyncio.Task[None]] = set()
        self._keys = ""
        self._timers: dict[str, asyncio.TimerHandle] = {}

    @property
    def _session(self) -> Dialect:
        return self._keeper.session

    async def run(self) -> None:
        """Raises CallError when the call is over or handed over, and ModelFailed."""
        hears, keeper = self._session.hears, self._keeper
        gone = asyncio.create_task(self._live.until_gone(), name="end of the call")
        keeping = asyncio.create_task(keeper.keep(), name="the model's session")
        ends: list[asyncio.Future[None]] = [keeper.failed, keeping, gone]
        if self._own is not None:
            ends.append(asyncio.create_task(self._own.listen(), name="turns for the model"))
        try:
            with (
                self._live.payloads_to(keeper.hear, hears.encoding, hears.sample_rate),
                self._call.keys_to(self._key),
            ):
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for end in ends:
                if end.done():
                    end.result()
        finally:
            for timer in self._timers.values():
                timer.cancel()
            keeper.close()
            for end in (*ends, *self._tools):
                end.cancel()
            await asyncio.gather(*ends, *self._tools, return_exceptions=True)

    # ---- the session ------------------------------------------------------------------------

    @property
    def quiet(self) -> bool:
        return not (self._tools or self._live.unfinished)

    def conversation(self) -> list[Recalled]:
        """What was heard so far, by both sides; what is still being said as if it will be."""
        known: list[Recalled] = []
        for each in self._memory:
            if isinstance(each, ToolUsed):
                known.append(each)
                continue
            said = each.text if isinstance(each, Turn) else each.heard_text
            if said:
                known.append(SaidBefore("user" if isinstance(each, Turn) else "assistant", said))
        return known

    def on_first_session(self) -> None:
        if self._brief.greeting:
            self._ask_for_reply(f'Begin the conversation: say "{self._brief.greeting}"')

    def on_new_session(self, *, cut_off: bool) -> None:
        for speech in self._speeches.values():
            speech.close()  # nothing more of it will come
        self._speeches.clear()
        self._cut.clear()
        self._turns.clear()
        if self._own is not None and self._keeper.caller_waits:
            self._keeper.send(self._session.turn_ended())
        if cut_off and not self._keeper.caller_waits and not self._tools:
            self._ask_for_reply(BROKEN)

    def _ask_for_reply(self, instruction: str = "") -> None:
        self._keeper.send(self._session.reply(instruction))
        self._keeper.watch(STALL_S)

    def _remember(self, each: LiveSpeech | Turn | ToolUsed) -> None:
        self._memory.append(each)
        del self._memory[:-REMEMBERED]

    def _later(self, name: str, seconds: float, action: Callable[[], None]) -> None:
        """One timer of each name: the last that was set."""
        if (before := self._timers.pop(name, None)) is not None:
            before.cancel()
        self._timers[name] = asyncio.get_running_loop().call_later(seconds, action)

    # ---- what the model does ----------------------------------------------------------------

    def on_event(self, event: SessionEvent) -> None:
        match event:
            case ModelSound(item=item, payload=payload):
                if item not in self._cut:
                    self._sound(item, payload)
            case ModelWords(item=item, text=text):
                if item not in self._cut:
                    self._speech(item).add_words(text)
            case ModelSoundEnded(item=item):
                if (speech := self._speeches.get(item)) is not None:
                    speech.close()
            case CallerBegan(start_ms=start_ms):
                self._caller_began(start_ms)
            case CallerEnded(item=item, end_ms=end_ms):
                if self._own is None:
                    self._caller_ended(item, end_ms)
            case CallerSaid(item=item, text=text):
                self._caller_said(item, text)
            case ToolAsked():
                self._use(event)
            case ReplyEnded():
                self._reply_ended(event)
            case Ready(expires_at=expires_at):
                self._keeper.on_ready(expires_at)
            case SessionEnding(left_s=left_s):
                self._keeper.ends_in(left_s)
            case Trouble(fatal=True):
                self._keeper.fail(event)
            case Trouble(code=code, message=message):
                self._call.log.warning("the model complains: %s (%s)", message, code)

    def _speech(self, item: str) -> LiveSpeech:
        speech = self._speeches.get(item)
        if speech is None:
            speaks = self._session.speaks
            speech = self._live.begin_speech(speaks.encoding, speaks.sample_rate)
            self._speeches[item] = speech
            self._remember(speech)
            if self._own is not None:
                speech.on_cut = partial(self._cut_by_our_ear, item, speech)
        return speech

    def _sound(self, item: str, payload: bytes) -> None:
        keeper, speech = self._keeper, self._speech(item)
        if self._unanswered is not None:
            turn, self._unanswered = self._unanswered, None
            turn.waterfall.first_audio = self._live.now()
            speech.answers = turn.waterfall
        keeper.caller_waits = False
        keeper.note_sign()
        keeper.watch(STALL_S)
        if speech.queued_s < UNHEARD_S:
            speech.write(payload)
        else:
            self._cut.add(item)
            self._call.log.warning("the model says more than %g s at once: cut there", UNHEARD_S)

    def _reply_ended(self, reply: ReplyEnded) -> None:
        self._keeper.watch(None)
        self._cut.clear()
        self._speeches = {item: each for item, each in self._speeches.items() if not each.ended}
        if not reply.failed:
            self._failures = 0
            return
        self._failures += 1
        self._call.log.warning("the model could not reply: %s (%s)", reply.failed, reply.code)
        if self._failures > FAILURES:
            self._keeper.fail(Trouble(reply.code, reply.failed, fatal=True))
        else:
            self._later("retry", RETRY_S * 2 ** (self._failures - 1), self._ask_for_reply)

    # ---- what the caller does ---------------------------------------------------------------

    def _caller_began(self, start_ms: float | None) -> None:
        self._began_ms = start_ms
        self._keeper.caller_waits = True
        self._keeper.watch(None)
        self._over_bot = self._live.unfinished
        if self._over_bot:
            self._cut_short()

    def _cut_short(self) -> None:
        """Stop what is being said, and tell the model how much of it was heard."""
        sounding = [(item, each) for item, each in self._speeches.items() if not each.ended]
        self._live.barge_in()
        for item, speech in sounding:
            self._cut.add(item)
            self._keeper.send(self._session.heard_until(item, int(1000 * speech.heard_s)))

    def _cut_by_our_ear(self, item: str, speech: LiveSpeech) -> None:
        self._cut.add(item)
        self._keeper.send(self._session.stop_reply())
        self._keeper.send(self._session.heard_until(item, int(1000 * speech.heard_s)))

    def _take_turn(self, turn: Turn) -> None:
        """Our ear has heard one, which is in the history already."""
        self._unanswered = turn
        self._remember(turn)
        self._keeper.caller_waits = True
        self._keeper.send(self._session.turn_ended())
        self._keeper.watch(STALL_S)

    def _caller_ended(self, item: str, end_ms: float | None) -> None:
        now = self._live.now()
        last_voiced = now if end_ms is None else self._keeper.heard_at(end_ms)
        began_ms, audio_s = self._began_ms, 0.0
        if end_ms is not None and began_ms is not None:
            audio_s = max(0.0, end_ms - began_ms) / 1000
        turn = Turn("", audio_s, Waterfall(last_voiced, now), self._over_bot)
        self._turns[item] = self._unanswered = turn
        self._live.remember(turn)
        self._remember(turn)
        self._keeper.watch(STALL_S)

    def _caller_said(self, item: str, text: str) -> None:
        turn = self._turns.pop(item, None)
        if turn is None or not text:
            return
        turn.text = text
        turn.waterfall.final_text = self._live.now()
        self._live.take_down(turn)

    def _key(self, digit: Digit) -> bool:
        """Keys are the model's, unless a tool may be waiting for them."""
        if not self._brief.keys or self._tools:
            return False
        self._keys += digit.digit
        self._later("keys", KEYS_TOGETHER_S, self._tell_keys)
        return True

    def _tell_keys(self) -> None:
        pressed, self._keys = self._keys, ""
        said = SaidBefore("user", f"[The caller has pressed the keys {' '.join(pressed)}]")
        self._keeper.send(self._session.remember(said))
        self._ask_for_reply()

    # ---- tools ------------------------------------------------------------------------------

    def _use(self, asked: ToolAsked) -> None:
        """As a task of its own, which speech does not cancel: the caller may go on meanwhile."""
        self._keeper.watch(None)
        self._keeper.note_sign()
        task = asyncio.create_task(self._run_tool(asked, self._session), name=f"tool {asked.name}")
        self._tools.add(task)
        task.add_done_callback(self._tools.discard)

    async def _run_tool(self, asked: ToolAsked, session: Dialect) -> None:
        try:
            output = await self._toolbox.run(self._call, asked.name, asked.arguments)
        except CallError:
            return  # the call is over, which ends the conversation, too
        used = ToolUsed(asked.call_id, asked.name, asked.arguments, output)
        self._remember(used)
        keeper = self._keeper
        if session is self._session:
            keeper.send(session.tool_used(asked.call_id, output))
        else:  # which has never asked for it
            keeper.send([*self._session.remember(used), *self._session.reply()])
        keeper.watch(STALL_S)
