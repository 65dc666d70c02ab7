"""A bot and a carrier in one process, joined in memory, and a caller who writes.

The carrier is the local one, so that all that a bot asks of the platform happens: keys, transfers,
hang-ups. Only speech is not made: it takes its time, and what is written is understood."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from callbridge.app import App
from callbridge.calls.leg import Leg
from callbridge.carrier.api.problems import Response
from callbridge.carrier.config import Behaviour, CarrierConfig
from callbridge.carrier.people.script import CallScript
from callbridge.carrier.people.steps import Press
from callbridge.errors import MalformedFrame
from callbridge.host.download import Download, download
from callbridge.relay import wire
from callbridge.talk.events import (
    AnswerSent,
    BotToken,
    CommandAnswered,
    FrameSent,
    PlatformGreets,
    TalkEvent,
    Unheard,
    WrittenPartial,
)
from callbridge.talk.voice import SilentVoice, engines
from callbridge.tape.events import Asked, CallEvent, CallOver, ErrandSettled
from callbridge.tape.tape import CallIds
from callbridge.testing.pair import ADDRESS, Pair
from callbridge.testing.words import Conversation
from callbridge.timing.clock import Clock
from callbridge.timing.jobs import ThreadJobs
from callbridge.voice.relay_mouth import CHARACTERS_PER_S
from callbridge.voice.turn import Message

TellTalk = Callable[[float, TalkEvent, BaseException | None], None]


class SessionOpening(msgspec.Struct, frozen=True):
    """Of a command, what a session begins with."""

    greeting: str | None = None


class Opening(msgspec.Struct, frozen=True):
    """A command, as far as it opens a session."""

    conversation_relay_config: SessionOpening = SessionOpening()


class OpenAnswer:
    """A text that the bot is sending. `asked_at` is when the caller wanted it."""

    def __init__(self, asked_at: float | None, now: float) -> None:
        self.text = ""
        self._asked_at = asked_at
        self._first_at = self._last_at = now

    def add(self, token: str, now: float) -> None:
        self.text += token
        self._last_at = now

    def sent(self) -> AnswerSent:
        asked = self._asked_at
        if asked is None:
            return AnswerSent(text=self.text)
        return AnswerSent(
            text=self.text,
            first_token_ms=round(1000 * (self._first_at - asked)),
            last_token_ms=round(1000 * (self._last_at - asked)),
        )


class WatchedPair(Pair):
    """Shows `watcher` what the bridge sends, before the carrier gets it."""

    def __init__(
        self, watcher: "TextCall", app: App, config: CarrierConfig, **options: Any
    ) -> None:
        self._watcher = watcher
        super().__init__(app, config, **options)

    def send(self, stream_id: str, text: str) -> None:
        self._watcher.on_frame(text)
        super().send(stream_id, text)

    def on_command(self, path: str, body: bytes, answer: Response) -> None:
        super().on_command(path, body, answer)
        self._watcher.on_command(path.rpartition("/")[2], body, answer.status)


class TextCall:
    """A call, its caller's end. `tell` gets all that happens: seconds since the call began, the
    event, and what was raised, if anything was.

    `clock` is the machine's, or in tests that of a virtual loop. With `fast` to speak takes no
    time."""

    def __init__(
        self,
        app: App,
        tell: TellTalk,
        *,
        clock: Clock | None = None,
        numbers: Mapping[str, Behaviour] | None = None,
        fast: bool = False,
        web: Download = download,
        **settings: Any,
    ) -> None:
        pace = float("inf") if fast else CHARACTERS_PER_S
        self.pair = WatchedPair(
            self,
            app,
            CarrierConfig(webhook_url=f"{ADDRESS}/webhooks", record=False, numbers=numbers or {}),
            jobs=ThreadJobs(),
            speech=engines(SilentVoice(pace)),
            expect_crash=Exception,
            clock=clock,
            voice="relay",
            characters_per_s=pace,
            readers=(self,),
            web=web,
            **settings,
        )
        self._errands = 0  # that the bot has asked of the platform, and waits for
        self.answers = 0  # texts that the bot has sent to their end, and sounds
        self._tell = tell
        self._switch = self.pair.switch
        self.now = self.pair.clock.now
        self._call = ""  # the caller's leg
        self._leg: Leg | None = None  # the bridge's side of it
        self._began_at = self.now()
        self._open: OpenAnswer | None = None
        self._asked_at: float | None = None  # since when an answer is waited for

    # ---- what the caller does -----------------------------------------------------------------

    def ring(self, from_: str, to: str) -> None:
        self._began_at = self.now()
        self._call = self.pair.place(CallScript(from_=from_, to=to))

    async def over(self) -> Conversation:
        """Until it has ended and the bridge has forgotten it."""
        return await self.pair.finished(self._call)

    def write(self, text: str, *, last: bool = True) -> bool:
        """Words, or none to interrupt only. True if the bot was interrupted."""
        if text and last:
            self._asked_at = self.now()
        elif text:
            self.told(WrittenPartial(text=text))
        try:
            cut = self._switch.typed(self._call, text, self.now(), last=last)
        except LookupError:
            if text:
                self.told(Unheard(text=text))
            return False
        self.pair.drain()
        return cut

    def press(self, digits: str) -> None:
        """Keys, 200 ms each."""
        leg = self._switch.find(self._call)
        if leg is not None and leg.scripted is not None:
            self._asked_at = self.now()
            leg.scripted.carry_on((Press(digits),))

    def hang_up(self) -> None:
        """Nothing happens to a call that is over."""
        self._switch.hang_up(self._call, self.now())
        self.pair.drain()

    # ---- what is seen -------------------------------------------------------------------------

    @property
    def is_heard(self) -> bool:
        """There is a bot that hears what is written."""
        relay = self._switch.relay(self._call)
        return relay is not None and relay.talking

    @property
    def sounding(self) -> bool:
        """The bot is being heard right now."""
        relay = self._switch.relay(self._call)
        return relay is not None and relay.sounding

    @property
    def quiet(self) -> bool:
        """The bot has said all that it has begun to say, no transfer of it is under way, and all
        keys are pressed."""
        relay, leg = self._switch.relay(self._call), self._switch.find(self._call)
        pressing = leg is not None and leg.scripted is not None and leg.scripted.step is not None
        waiting = pressing or self._open is not None or self._errands > 0
        return not waiting and (relay is None or relay.idle)

    def history(self) -> list[Message]:
        """What the bot's side remembers of the call, also when it is over."""
        return self._leg.voice.history if self._leg is not None else []

    # ---- what comes from the bridge -----------------------------------------------------------

    def told(self, event: TalkEvent, error: BaseException | None = None) -> None:
        """Something happens now."""
        self._tell(round(self.now() - self._began_at, 3), event, error)

    def on_event(
        self, ids: CallIds, at: float, event: CallEvent, error: BaseException | None
    ) -> None:
        """Of the bridge's tape; other calls than the caller's are dials of the bot's own."""
        if self._leg is None and isinstance(ids, Leg):
            self._leg = ids
        match event:
            case Asked():
                self._errands += 1
            case ErrandSettled():
                self._errands -= 1
            case CallOver():
                self._end_answer()
            case _:
                pass
        self.told(event, error)

    def on_command(self, name: str, body: bytes, status: int) -> None:
        """One of the bridge that the carrier has answered."""
        self.told(CommandAnswered(name=name, status=status))
        opening = msgspec.json.decode(body or b"{}", type=Opening).conversation_relay_config
        if opening.greeting:
            self.told(PlatformGreets(text=opening.greeting))

    def on_frame(self, text: str) -> None:
        """One that the bridge sends."""
        try:
            frame = wire.decode_outgoing(text)
        except MalformedFrame:
            return  # the carrier refuses it in its own words
        if isinstance(frame, wire.TextToken):
            self._hear(frame)
            return
        self.answers += isinstance(frame, wire.PlaySource)
        fields: dict[str, object] = msgspec.to_builtins(frame)
        self.told(FrameSent(frame=str(fields.pop("type")), fields=fields))

    def _hear(self, frame: wire.TextToken) -> None:
        now = self.now()
        if frame.token:
            if self._open is None:
                self._open, self._asked_at = OpenAnswer(self._asked_at, now), None
            self._open.add(frame.token, now)
            self.told(BotToken(text=frame.token))
        if frame.last:
            self._end_answer()

    def _end_answer(self) -> None:
        if self._open is not None:
            answer, self._open = self._open, None
            self.answers += 1
            self.told(answer.sent())
