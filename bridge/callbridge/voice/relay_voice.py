"""Conversation Relay: the platform hears and speaks, and only text crosses the wire."""

from collections import Counter
from collections.abc import AsyncIterable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from callbridge.control import commands as control
from callbridge.errors import LocalProtocolError, SettingsError, StreamLost
from callbridge.media.utterance import EndReason
from callbridge.relay import wire
from callbridge.relay.stream import RelayStream, RelayTransport
from callbridge.speech.language import LANGUAGES, Language, base_of
from callbridge.speech.studio import SpeechCounts
from callbridge.tape.events import Interrupted, RelayRefused, TurnTaken
from callbridge.tape.tape import Tape
from callbridge.tape.waterfall import Waterfall
from callbridge.timing.clock import Clock
from callbridge.timing.signal import Signal, changed
from callbridge.voice.history import History
from callbridge.voice.relay_mouth import (
    CHARACTERS_PER_S,
    RelayClock,
    RelayMouth,
    RelaySaying,
    RelayStretch,
)
from callbridge.voice.source import Dismissal
from callbridge.voice.spoken import spoken_part
from callbridge.voice.turn import HistoryItem, Message, Turn, TurnQueue
from callbridge.voice.voice import Can, SessionStart, VoiceOwner

RECENT = 4  # stretches in which what an interrupt reports is looked for
HOLD_S = 3600.0  # nobody holds for longer
ERRORS_TOLD = 10  # error frames that are told of one call; the rest is counted


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaySettings:
    """What sessions are started with; None is the platform's own choice.

    The platform says `greeting` as soon as the session is there, before the bot could: for what has
    to be heard to its end, with `interruptible_greeting="none"`. `characters_per_s` is how fast the
    voice speaks, as `say` returns when the time for its text has passed. `languages`,
    `voice_settings` and `transcription_engine_config` are passed on as they are.

    Source: the platform's reference of conversation_relay_start."""

    greeting: str | None = None
    interruptible_greeting: control.Interruptible | None = None
    interruptible: control.Interruptible | None = None
    language: str | None = None
    languages: Sequence[Mapping[str, object]] | None = None
    voice: str | None = None
    tts_provider: str | None = None
    voice_settings: Mapping[str, object] | None = None
    transcription_engine: str | None = None
    transcription_engine_config: Mapping[str, object] | None = None
    custom_parameters: Mapping[str, object] | None = None
    characters_per_s: float = CHARACTERS_PER_S

    def __post_init__(self) -> None:
        if not self.characters_per_s > 0:
            raise SettingsError(f"characters_per_s is {self.characters_per_s}: no voice is so slow")

    def opening(self, url: str) -> control.Relay:
        fields = {name: getattr(self, name) for name in self.__slots__}
        del fields["characters_per_s"]
        return control.Relay(url=url, **fields)


class RelayVoice:
    # One for each call: no dictionary.
    __slots__ = (
        "_began_at",
        "_changed",
        "_clock",
        "_counts",
        "_greeted",
        "_interrupted",
        "_memory",
        "_mouth",
        "_owner",
        "_past",
        "_recent",
        "_restarted",
        "_settings",
        "_silence_url",
        "_tape",
        "_url",
        "dismiss",
        "in_progress",
        "lost_at",
        "partial",
        "stream",
        "turns",
        "unmatched",
    )

    can = Can(frames=False, files=False, marks=False, withhold=False)

    def __init__(
        self,
        owner: VoiceOwner,
        clock: Clock,
        tape: Tape,
        counts: SpeechCounts,
        relay_url: str,
        silence_url: str,
        settings: RelaySettings,
    ) -> None:
        self.turns = TurnQueue(self._last_text)
        self.stream: RelayStream | None = None
        self.lost_at: float | None = None
        self.in_progress = False  # the caller is speaking
        self.partial = ""  # what they have said so far
        self.unmatched = 0  # interrupts whose words were not ours
        self._owner = owner
        self._tape = tape
        self._counts = counts
        self._url = relay_url
        self._silence_url = silence_url
        self._restarted = 0
        self._greeted = False
        self._interrupted = False  # the next turn is what interrupted
        self._began_at = 0.0  # of what the caller is saying
        self._past: Counter[str] = Counter()
        self._recent: list[RelayStretch] = []  # the last of them; an empty deque takes 600 bytes
        self._memory: History[RelayStretch] = History(tape.secrecy)
        self._settings = settings
        self._clock = RelayClock(clock, settings.characters_per_s)
        self._changed = Signal()  # the session has come or gone
        self.dismiss = Dismissal(tape, self._note_stuck)
        self._mouth = RelayMouth(
            self, self._clock, tape, self.dismiss, self._remember, self._answered
        )

    # ---- the session ------------------------------------------------------------------------

    def opening(self, token: str) -> control.Relay:
        settings = self._settings
        if self._greeted:
            settings = replace(settings, greeting=None)
        return settings.opening(f"{self._url}?{urlencode({'token': token})}")

    def restart(self, call_control_id: str, token: str) -> control.Command:
        """A session that is over never comes back: a new one is asked for."""
        self._restarted += 1
        return control.RelayStart(call_control_id=call_control_id, relay=self.opening(token))

    def farewell(self, call_control_id: str) -> control.Command:
        return control.RelayStop(call_control_id=call_control_id)

    def attach(self, transport: RelayTransport) -> RelayStream:
        if self.stream is not None:
            raise LocalProtocolError("a second relay session on one call")
        self.stream = RelayStream(self, transport)
        return self.stream

    def detach(self, stream: RelayStream) -> None:
        """The socket is gone. Whether that ends the call is for the leg to find out."""
        if stream is not self.stream:
            return
        stream.session.lost()
        self.stream = None
        self._past.update(stream.tally())
        self.lost_at = self._clock.now()
        self._cut("stream_lost")
        # The end of a call is told by no frame: a lost session shows when another is asked for.
        self._owner.on_stream_lost(stopped=True)

    def give_up(self) -> None:
        """No other session will come."""
        self._cut("stream_lost")

    def end(self) -> None:
        """The call is over."""
        self._cut("call_ended")

    def close(self) -> None:
        if self.stream is not None:
            self.stream.close()

    def wake(self) -> None:
        """Whoever waits for anything here looks again."""
        self.turns.changed.notify()
        self._changed.notify()

    # ---- what comes -------------------------------------------------------------------------

    def on_relay_frame(self, frame: wire.RelayIncoming) -> None:
        match frame:
            case wire.Setup():
                self._begin(frame)
            case wire.Prompt():
                self._hear(frame)
            case wire.RelayDtmf():
                self._owner.on_key(frame.digit, "")
            case wire.RelayInterrupt():
                self._on_interrupt(frame)
            case wire.RelayError():
                self._note_refusal(frame.description)
            case wire.EagerEndOfTurn() | wire.TurnResumed():
                pass  # hints; a prompt follows either

    def _begin(self, setup: wire.Setup) -> None:
        parameters = {name: str(value) for name, value in setup.custom_parameters.items()}
        ids = {
            "call_control_id": setup.call_control_id,
            "call_session_id": setup.call_session_id,
            "call_leg_id": setup.call_leg_id,
            "from": setup.from_,
            "to": setup.to,
        }
        if not self._owner.on_session(SessionStart(ids, parameters)):
            return
        if self._settings.greeting and not self._greeted:
            self._mouth.greeted(self._settings.greeting)
        self._greeted = True
        self._changed.notify()

    def _hear(self, prompt: wire.Prompt) -> None:
        now = self._clock.now()
        if not self.in_progress:
            if self.turns.on_hold:
                return
            self._began_at = now
        self.in_progress, self.partial = not prompt.last, prompt.voice_prompt
        if not prompt.last:
            self.turns.changed.notify()
            return
        text = prompt.voice_prompt.strip()
        over_bot, self._interrupted, self.partial = self._interrupted, False, ""
        waterfall = Waterfall(now, now, final_text=now)
        turn = Turn(text, now - self._began_at, waterfall, over_bot)
        counts = self._counts
        if turn:
            counts.turns += 1
            self._memory.add(turn, self._clock.wall(self._began_at))
            self._tape.write(
                TurnTaken(
                    said=text,
                    audio_s=round(turn.audio_s, 2),
                    began_at=self._clock.wall(self._began_at),
                    last_voiced_at=self._clock.wall(now),
                )
            )
        else:
            counts.empty_turns += 1
        self.turns.put(turn)

    def _on_interrupt(self, frame: wire.RelayInterrupt) -> None:
        """The caller speaks over us: the platform has stopped and says what it had spoken."""
        now = self._clock.now()
        self._counts.interruptions += 1
        self._interrupted = True
        self._believe(frame)
        self._clock.stop()
        self._mouth.close_turn()
        self._mouth.end_last("interrupted")
        self._tape.write(Interrupted(at=self._clock.wall(now)))
        self.turns.changed.notify()

    def _believe(self, frame: wire.RelayInterrupt) -> None:
        """What was spoken is what the platform says: where its words end, ours were cut."""
        spoken = frame.utterance_until_interrupt
        recent = [stretch for stretch in self._recent if stretch.text]
        for index in range(len(recent) - 1, -1, -1):
            part = spoken_part(recent[index].text, spoken)
            if part:
                self._were_heard(recent[:index])
                self._correct(recent[index], part, frame.duration_until_interrupt_ms)
                for later in recent[index + 1 :]:
                    self._correct(later, "", 0)
                return
        self._were_heard(recent[:-1])
        if self._recent and not (spoken.strip() or self._recent[-1].text):  # a sound was cut
            self._correct(self._recent[-1], "", frame.duration_until_interrupt_ms)
        elif recent and spoken.strip():
            self.unmatched += 1
            self._correct(recent[-1], spoken, frame.duration_until_interrupt_ms)
        elif recent and recent[-1].ended != "finished":  # nothing of it had been spoken yet
            self._correct(recent[-1], "", frame.duration_until_interrupt_ms)

    def _were_heard(self, stretches: list[RelayStretch]) -> None:
        """Whatever time says: something behind them was cut."""
        for stretch in stretches:
            stretch.end("finished", stretch.ends_at)

    def _correct(self, stretch: RelayStretch, heard: str, milliseconds: int) -> None:
        stretch.heard, stretch.heard_s = heard, milliseconds / 1000
        stretch.certainty = "reported"
        stretch.ended = "interrupted"

    def _note_refusal(self, description: str) -> None:
        stream = self.stream
        if stream is not None and stream.session.counts.refused <= ERRORS_TOLD:
            self._tape.write(RelayRefused(why=description))

    # ---- what is said -----------------------------------------------------------------------

    @property
    def history(self) -> list[Message]:
        return self._memory.messages(self._said_of())

    @property
    def history_items(self) -> list[HistoryItem]:
        return self._memory.items(self._said_of())

    def _said_of(self) -> Callable[[RelayStretch], tuple[str, str]]:
        """What of a stretch was heard by now, and what will not be heard any more."""
        now = self._clock.now()
        return lambda stretch: (stretch.heard_by(now), stretch.unheard)

    @property
    def busy(self) -> bool:
        return self.in_progress

    @property
    def speaking(self) -> bool:
        return self._clock.speaking

    @property
    def said_last(self) -> RelaySaying | None:
        return self._mouth.last

    @property
    def patience_s(self) -> float:
        return 1.0  # time alone tells, and it always passes

    def attend(self) -> None:
        """Nothing: the platform listens all the time."""

    def overhear(self) -> None:
        """Nothing, as for `attend`."""

    def stop_overhearing(self, *, at_once: bool = False) -> None:
        """Nothing, as for `attend`."""

    async def say(
        self,
        text: str | AsyncIterable[str],
        *,
        interruptible: bool = True,
        answers: Waterfall | None = None,
    ) -> RelaySaying:
        """Whether it can be interrupted was settled when the session was started."""
        return await self._mouth.say(text, answers=answers)

    async def play_url(
        self, url: str, seconds: float, *, times: int = 1, preemptible: bool
    ) -> RelaySaying:
        """Let the platform play a sound file that lasts so long, so many times.

        Something `preemptible` ends where the next text or sound begins."""
        return await self._mouth.play(url, seconds, times, preemptible=preemptible)

    def hold(self, url: str, seconds: float) -> None:
        """Let the platform play a sound file that lasts so long for an hour, under no text: the
        next one ends it, and until then nothing does."""
        self._mouth.hold(url, max(1, round(HOLD_S / max(seconds, 1.0))))

    def hold_over(self) -> None:
        """The protocol has no way to stop a sound but another one: one that nobody hears."""
        if self.turns.on_hold and self._silence_url:
            with suppress(StreamLost):  # then nothing plays
                self._mouth.hold(self._silence_url, 1)

    def switch_language(self, speak: str | None, hear: str | None) -> None:
        self._mouth.switch_language(speak, hear)
        if hear:
            self.turns.language = LANGUAGES.get(base_of(hear), Language())

    def _last_text(self) -> str:
        return self._mouth.last.text if self._mouth.last else ""

    def interrupt(self) -> None:
        """Say no more. What the platform has been sent it speaks to the end: the protocol has no
        way to take it back."""
        self._mouth.close_turn()
        self._mouth.end_last("interrupted")

    async def drain(self, patience: float) -> bool:
        """By time alone: always true, unless there is no patience for it."""
        self._mouth.close_turn()
        left = self._clock.silent_at - self._clock.now()
        if patience <= 0:
            return left <= 0
        while (left := self._clock.silent_at - self._clock.now()) > 0 and self.stream is not None:
            await changed(self._changed, timeout=left)
        return True

    def _cut(self, reason: EndReason) -> None:
        self.in_progress, self.partial = False, ""
        self._mouth.end_last(reason)
        self._clock.stop()
        self.wake()

    def _remember(self, stretch: RelayStretch) -> None:
        self._memory.add(stretch, self._clock.wall(self._clock.now()))
        self._recent.append(stretch)
        del self._recent[:-RECENT]

    def _answered(self, waterfall: Waterfall) -> dict[str, float]:
        return self._counts.answered(waterfall)

    def _note_stuck(self) -> None:
        self._counts.stuck += 1

    # ---- figures ----------------------------------------------------------------------------

    def tally(self) -> Counter[str]:
        counts = self._past.copy()
        if self.stream is not None:
            counts.update(self.stream.tally())
        counts.update(relay_unmatched=self.unmatched, streams_lost=self._restarted)
        return counts
