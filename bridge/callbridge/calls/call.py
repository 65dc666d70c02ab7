"""A call as a bot holds it: hear, speak, take keys, hand over, hang up.

The same object serves a bot that wants frames (`audio`, `write`) and one that wants outcomes
(`play`, `gather`, `transfer`). Outcomes are return values; exceptions say that the call is over
(`CallEnded`), was handed over (`CallReleased`) or lost its stream for good (`StreamLost`).

Asked inside a reply, between two pieces of its text, whatever follows a text waits until it was
heard: `yield "Goodbye."; await call.hangup()`."""

import asyncio
import logging
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal, overload

import numpy as np

from callbridge.calls import keys
from callbridge.calls.errands import Destination
from callbridge.calls.keys import Taker
from callbridge.calls.leg import Hangup, Leg, client_state
from callbridge.calls.phase import Phase
from callbridge.calls.platform import PlatformSide
from callbridge.control import commands as control
from callbridge.errors import CallEnded, CallReleased, StreamLost, VoiceCannot
from callbridge.host.audiofile import Fetch, is_url, load
from callbridge.media.playout import Utterance
from callbridge.outcomes import Gathered, Outcome, Transferred
from callbridge.tape.events import CallEvent
from callbridge.tape.waterfall import Waterfall
from callbridge.timing.clock import first_of
from callbridge.timing.jobs import Jobs
from callbridge.timing.signal import changed
from callbridge.voice.audio_voice import AudioVoice
from callbridge.voice.relay_voice import RelayVoice
from callbridge.voice.source import saying_now
from callbridge.voice.turn import Message, Turn
from callbridge.voice.voice import Heard, Voice
from telecodecs import Pcm

INT16 = np.dtype(np.int16)
RULER_HZ = 8000  # at which a sound is read whose length is all that matters
STRAGGLER_S = 0.150  # keys can overtake each other: so long after its end `gather` still looks
SOUND_FILES = (".wav", ".mp3", ".ogg", ".oga", ".opus", ".flac", ".m4a", ".aif", ".aiff", ".au")


class Call:
    """One call, for as long as a bot has it."""

    def __init__(
        self,
        leg: Leg,
        platform: PlatformSide,
        jobs: Jobs,
        fetch: Fetch,
        log: logging.LoggerAdapter[logging.Logger],
    ) -> None:
        self.log = log
        self._leg = leg
        self._platform = platform
        self._jobs = jobs
        self._fetch = fetch
        self._unanswered: Waterfall | None = None  # of the turn that the bot has taken last
        self._hangup: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        leg = self._leg
        return f"<Call {leg.reference} {leg.direction} {leg.from_} → {leg.to}>"

    # ---- who is calling ---------------------------------------------------------------------

    @property
    def reference(self) -> str:
        """Our own name of the call; in every log line, and in the platform's client_state."""
        return self._leg.reference

    @property
    def call_control_id(self) -> str:
        return self._leg.call_control_id

    @property
    def call_session_id(self) -> str:
        return self._leg.call_session_id

    @property
    def direction(self) -> Literal["incoming", "outgoing"]:
        return self._leg.direction

    @property
    def from_(self) -> str:
        return self._leg.from_

    @property
    def to(self) -> str:
        return self._leg.to

    @property
    def client_state(self) -> str:
        """The text that the call came with, or was given by `set_client_state`."""
        return self._leg.client_state

    @property
    def custom_parameters(self) -> dict[str, str]:
        """What the stream was started with, for streams that somebody else started."""
        return self._leg.custom_parameters

    @property
    def sample_rate(self) -> int:
        """Samples per second of all audio here, both ways, whatever the wire carries."""
        return self._leg.line.plan.sample_rate

    @property
    def ended(self) -> Hangup | None:
        """Why the call ended, once it has."""
        return self._leg.ended.result() if self._leg.ended.done() else None

    @property
    def speaking(self) -> bool:
        """Whether the caller has something yet to hear."""
        return self._leg.voice.speaking

    @property
    def queued_s(self) -> float:
        """Seconds of audio that wait here, as the carrier has its lead already.

        Above 0 after a stall: a bot that passes live audio on may leave some out to catch up."""
        return self._leg.line.playout.queued_s()

    async def events(self) -> AsyncIterator[CallEvent]:
        """What happens on the call from now on, typed, until it ends.

        The platform's error frames are `StreamError`; see `callbridge.tape.events`. Who falls 256
        events behind loses the oldest."""
        tape = self._leg.tape
        listener = tape.listen()
        try:
            while listener.events or not (listener.closed or self._leg.ended.done()):
                if not listener.events:
                    await listener.signal.wait()
                while listener.events:
                    yield listener.events.popleft()
        finally:
            tape.leave(listener)

    # ---- frames -----------------------------------------------------------------------------

    async def audio(self) -> AsyncIterator[Pcm]:
        """The caller's voice from now on: (n,) int16, one ptime of 20 ms each, until the call ends.

        Each listener has a queue of its own, and loses the oldest frames when it falls two seconds
        behind; they are counted. The arrays may be read-only: copy one to change it."""
        leg, line = self._leg, self._leg.line
        listener = line.listen()
        frames = listener.frames
        try:
            while True:
                while frames:
                    yield frames.popleft()
                if leg.gone:
                    if leg.ended.done():
                        return
                    self._check()
                await listener.signal.wait()
        finally:
            line.leave(listener)

    async def write(self, pcm: Pcm, text: str = "") -> None:
        """Queue (n,) int16 samples at `sample_rate` behind what is queued; any n.

        Returns when queued, and waits while more than 30 s are. `text` is what they say."""
        leg = self._leg
        if leg.gone:
            self._check()
        if pcm.dtype != INT16 or pcm.ndim != 1:
            raise TypeError(f"audio is (n,) int16, not {pcm.shape} {pcm.dtype}")
        audio = leg.audio or self._audio()
        live = audio.write(pcm, text)
        while live.queued > audio.line.queue_limit:
            await audio.line.sent.wait()
            self._check()

    async def mark(self, name: str = "") -> Outcome:
        """End what was written so far as one utterance, and wait until it was heard or cut."""
        self._check()
        live = self._audio().close_live()
        if live is None:
            return Outcome("finished", 0.0, "measured")
        live.name = name
        return await self._heard(live)

    def interrupt(self) -> None:
        """Stop speaking at once. What waits for its audio to be heard returns."""
        self._leg.voice.interrupt()

    # ---- outcomes ---------------------------------------------------------------------------

    async def play(self, source: Pcm | str | Path, *, name: str = "", stop_on: str = "") -> Outcome:
        """Play samples, a file or a URL; returns when it was heard to the end, or cut.

        WAV always; mp3, ogg and flac with the extra `audio`. On the relay the platform plays it,
        and from a URL alone; we fetch it, too, to know how long it lasts.

        `stop_on` names keys that stop it: `stop_on="0123456789*#"`, and the one pressed is in the
        outcome. Cancelling the wait stops the sound too. Raises AudioFileError."""
        await self._after_text()
        stop = StopKey(stop_on, self.interrupt)
        if isinstance(voice := self._leg.voice, RelayVoice):
            with self._leg.keys.offered_to(stop):
                url, seconds = await self._sound_there(source)
                heard = await voice.play_url(url, seconds, preemptible=bool(stop_on))
                await self._key_of(heard, stop)
            return self._outcome(heard, stop)
        pcm = source if isinstance(source, np.ndarray) else await self._load(source)
        self._check()
        utterance = self._audio().play(pcm, name or (source if isinstance(source, str) else ""))
        with self._leg.keys.offered_to(stop):
            return await self._heard(utterance, stop)

    async def _sound_there(self, source: Pcm | str | Path) -> tuple[str, float]:
        """What the platform is to play: its URL and how long it lasts, s."""
        if not isinstance(source, str) or not is_url(source):
            raise VoiceCannot(
                "Conversation Relay plays what has a URL: samples and files need the voice 'media'"
            )
        sound = await self._load(source, RULER_HZ)
        self._check()
        return source, len(sound) / RULER_HZ

    async def gather(
        self,
        digits: int = 1,
        *,
        end_on: str = "#",
        timeout: float = 10.0,
        between: float = 5.0,
        prompt: Pcm | str | Path | None = None,
        speech: bool = False,
    ) -> Gathered:
        """Collect keys: so many `digits`, or fewer and a key of `end_on`.

        Waits `timeout` seconds for the first and `between` for each further one. Keys pressed
        before count, those over the prompt as well.

        A `prompt` is said if it is a text, and played if it is samples, a URL, a Path, or a text
        that ends like the name of a sound file; the first key cuts it. With `speech`, what the
        caller says instead ends it too and is the `text`; the first key closes the ear."""
        await self._after_text()
        leg = self._leg
        if speech:
            leg.voice.attend()  # it hears what is said over the prompt, too
        with leg.voice.turns.question():
            if prompt is not None and not len(leg.keys):
                await self._prompt(prompt, interruptible=speech)
            return await self._collect(digits, end_on, timeout, between, speech=speech)

    async def _prompt(self, prompt: Pcm | str | Path, *, interruptible: bool) -> None:
        """Play or say it until the first key, which stays where it is."""
        voice = self._leg.voice
        voice.turns.clear()
        with self._leg.keys.offered_to(StopKey(keys.ALL, self.interrupt, keep=True)):
            if isinstance(prompt, str) and not is_sound(prompt):
                await voice.say(prompt, interruptible=interruptible)
                return
            if isinstance(voice, RelayVoice):
                url, seconds = await self._sound_there(prompt)
                if not len(self._leg.keys):
                    await voice.play_url(url, seconds, preemptible=True)
                return
            pcm = prompt if isinstance(prompt, np.ndarray) else await self._load(prompt)
            self._check()
            if not len(self._leg.keys):
                audio = self._audio()
                await self._heard(audio.play(pcm, "prompt", interruptible=interruptible))

    async def _collect(
        self, digits: int, end_on: str, timeout: float, between: float, *, speech: bool
    ) -> Gathered:
        leg, pad, turns = self._leg, self._leg.keys, self._leg.voice.turns
        deadline = leg.clock.now() + timeout
        seen = 0
        while not pad.has_entry(digits, end_on):
            if speech and not len(pad) and (text := turns.spoken()):
                self._unanswered = turns.latest.waterfall if turns.latest else None
                return Gathered("", "speech", text)
            if len(pad) > seen:
                seen, deadline = len(pad), leg.clock.now() + between
            left = deadline - leg.clock.now()
            heeding = speech and not len(pad) and leg.voice.busy
            if left <= 0 and not heeding:
                return Gathered(pad.take_all(), "timeout")
            await changed(pad.changed, turns.changed, timeout=None if heeding else left)
            self._check()
        await asyncio.sleep(STRAGGLER_S)
        entry = pad.entry(digits, end_on, leg.clock.now())
        assert entry is not None, "keys are only ever added"
        return entry

    # ---- speech -----------------------------------------------------------------------------

    async def say(
        self,
        text: str | AsyncIterable[str],
        *,
        interruptible: bool = True,
        stop_on: str = "",
    ) -> Outcome:
        """Say a text with the bot's own voice, sentence by sentence as it comes.

        Returns when it was heard to the end or cut: by speech over it, unless it is not
        `interruptible`, or by a key of `stop_on`. `text` of the outcome is what was heard, cut at
        the word. It answers the turn that was listened to last: that one's waterfall is measured.
        Raises SpeechFailed."""
        await self._after_text()
        self._leg.voice.turns.clear()  # what `listen` returns came since
        stop = StopKey(stop_on, self.interrupt)
        with self._leg.keys.offered_to(stop):
            return await self._say(text, interruptible, self._unanswered, stop)

    async def answer(self, turn: Turn, text: str | AsyncIterable[str]) -> Outcome:
        """`say`, as the reply to a certain turn."""
        return await self._say(text, True, turn.waterfall, None)

    async def _say(
        self,
        text: str | AsyncIterable[str],
        interruptible: bool,
        answers: Waterfall | None,
        stop: "StopKey | None",
    ) -> Outcome:
        self._check()
        self._unanswered = None
        if answers is not None and answers.answered:
            answers = None  # what is said after the first answer waits for nobody
        heard = await self._leg.voice.say(text, interruptible=interruptible, answers=answers)
        await self._key_of(heard, stop)
        return self._outcome(heard, stop)

    async def listen(self, timeout: float = 10.0) -> Turn:
        """The oldest turn since the last `say` began, the one that interrupted it included.

        Waits for one, and for its end if the caller is speaking. An empty turn (false) after
        `timeout` seconds without speech."""
        await self._after_text(heard=False)
        now = self._leg.clock.now
        with self._leg.voice.turns.question():
            while True:
                turn = await self.hear(timeout)
                if turn is None:
                    return Turn("", 0.0, Waterfall(now(), now()))
                if turn or turn.failed:
                    return turn

    async def turns(self) -> AsyncIterator[Turn]:
        """The caller's turns, as they end, until the call does."""
        try:
            while True:
                turn = await self.hear(None)
                if turn:
                    yield turn
        except CallEnded:
            return

    async def partials(self) -> AsyncIterator[str]:
        """What the caller is saying, whenever more of it is known, until the call ends; their turn
        has the final words. To prepare an answer early, say.

        On the relay these are the platform's interim prompts, if its recogniser has any; engines
        of ours tell nothing before a pause, so that on media there are none."""
        turns, told = self._leg.voice.turns, ""
        self._leg.voice.attend()
        while not self._leg.over:
            partial = self._leg.voice.partial
            if partial and partial != told:
                yield partial
            told = partial
            if partial == self._leg.voice.partial:
                await turns.changed.wait()

    async def language(self, code: str = "", *, speak: str = "", hear: str = "") -> None:
        """Change the language that is spoken and understood: "de", "pt-BR". What was said before
        is still said in the old one.

        On the relay the platform changes; engines of ours are those of `Speech.synthesisers` and
        `recognisers`. Raises VoiceCannot where there is none."""
        if not (code or speak or hear):
            raise ValueError("language wants a code, such as 'de', or speak= or hear=")
        await self._after_text()
        self._check()
        self._leg.voice.switch_language(speak or code or None, hear or code or None)

    async def hear(self, timeout: float | None) -> Turn | None:
        """The next turn, also one without words; None after `timeout` seconds of silence."""
        leg, voice = self._leg, self._leg.voice
        voice.attend()
        deadline = leg.clock.now() + timeout if timeout is not None else float("inf")
        while not voice.turns.waiting:
            self._check()
            left = deadline - leg.clock.now()
            if left <= 0 and not voice.busy:
                return None
            patience = None if voice.busy or left == float("inf") else left
            await changed(voice.turns.changed, timeout=patience)
        turn = voice.turns.take()
        if turn:
            self._unanswered = turn.waterfall
        return turn

    @property
    def history(self) -> list[Message]:
        """The conversation as chat models take it; of the bot, what the caller heard."""
        return self._leg.voice.history

    @property
    def voice(self) -> Voice:
        """How the call hears and speaks, for bots that take turns themselves."""
        return self._leg.voice

    def keys_to(self, taker: Taker) -> AbstractContextManager[None]:
        """In the block, keys go to `taker` first; it returns whether it used the key up."""
        return self._leg.keys.offered_to(taker)

    # ---- the platform -----------------------------------------------------------------------

    async def send_digits(self, digits: str) -> None:
        """Press keys towards the other side: 0-9 A-D * #, `w` waits half a second, `W` one."""
        await self._after_text()
        await self.send(control.SendDtmf(call_control_id=self.call_control_id, digits=digits))

    async def transfer(
        self,
        to: str,
        *,
        from_: str | None = None,
        timeout: float = 30.0,
        headers: Mapping[str, str] | None = None,
        digits: str = "",
    ) -> Transferred:
        """Connect the caller to a number or SIP address, and leave when it answers.

        It rings for `timeout` seconds, at least five. SIP `headers` go with the new call, `digits`
        (0-9 A-D * #, `w` waits half a second, `W` one) are pressed when it answers: an extension.

        Unless it is answered the call stays the bot's and the caller hears the bot again. What was
        asked for goes on though nobody waits for it any more: whoever answers late still gets the
        caller, and until it is clear that nobody will, nothing of ours hangs up."""
        await self._after_text()
        self._close_live()
        transferred = await self._platform.transfer(
            Destination(to=to, from_=from_, timeout=timeout, headers=headers or {}, digits=digits)
        )
        if not transferred and self._leg.ended.done():
            self._check()
        return transferred

    async def speak(self, text: str, *, voice: str = "AWS.Polly.Joanna") -> bool:
        """Let the platform say something with a voice of its own; True when it was said.

        It is not our audio: `interrupt` does not stop it, the ledger does not know it, and it
        sounds beside whatever the bot plays."""
        await self._after_text()
        self._close_live()
        said = await self._platform.speak(text, voice)
        self._check()
        return said

    async def hangup(self) -> None:
        """Let what was said play out, then end the call. What is said later is not heard."""
        if self._leg.ended.done():
            return
        await self._after_text()
        if self._hangup is None:
            self._close_live()
            # A task of its own: the one that calls may be cancelled before the goodbye was heard.
            self._hangup = asyncio.create_task(self._platform.hang_up())
            self._leg.ended.add_done_callback(lambda _: self._cancel_hangup())
        await asyncio.wait({self._hangup})
        if not self._hangup.cancelled():  # by the end of the call, which is what was asked for
            self._hangup.result()

    @overload
    async def send(self, command: control.Command, /) -> dict[str, object]: ...

    @overload
    async def send(self, command: str, /, **fields: object) -> dict[str, object]: ...

    async def send(self, command: control.Command | str, /, **fields: object) -> dict[str, object]:
        """Any command of the Voice API, or by its name one on this call, as
        `await call.send("gather_using_speak", payload="Your PIN?", voice="female")`; the field
        `from` is written `from_`. Raises CommandRefused and its kin."""
        self._check()
        if isinstance(command, str):
            if "from_" in fields:
                fields["from"] = fields.pop("from_")
            command = control.Action(
                call_control_id=self.call_control_id, action=command, fields=fields
            )
        return await self._platform.send(command)

    async def set_client_state(self, text: str) -> None:
        """Let every later webhook of this call carry a text, beside what leads it back here."""
        state = client_state(self.reference, text=text)
        await self.send(
            control.ClientStateUpdate(call_control_id=self.call_control_id, client_state=state)
        )
        self._leg.client_state = text

    # ---- inside -----------------------------------------------------------------------------

    def _cancel_hangup(self) -> None:
        if self._hangup is not None:
            self._hangup.cancel()

    def _audio(self) -> AudioVoice:
        """Raises VoiceCannot on a voice that has no frames."""
        _ = self._leg.line
        assert self._leg.audio is not None, "it has a line"
        return self._leg.audio

    def _close_live(self) -> None:
        """What was written so far is an utterance of its own."""
        if self._leg.audio is not None:
            self._leg.audio.close_live()

    def _check(self) -> None:
        match self._leg.phase:
            case Phase.ENDED:
                raise CallEnded(f"the call has ended: {self._leg.ended.result().cause}")
            case Phase.RELEASED:
                raise CallReleased("the call was handed over")
            case Phase.MUTE:
                raise StreamLost("the media stream broke and could not be restored")
            case _:
                pass

    async def _after_text(self, *, heard: bool = True) -> None:
        """What is asked in the middle of a text comes after what was said of it."""
        self._check()
        saying = saying_now()
        if saying is not None:
            await saying.caught_up(heard=heard)
            self._check()

    async def _load(self, path: str | Path, sample_rate: int | None = None) -> Pcm:
        """At the rate of the call, unless there is another one."""
        name, rate = str(path), sample_rate or self.sample_rate
        source = await self._fetch(name) if is_url(name) else path
        return await self._jobs.run(lambda: load(source, rate, name))

    async def _key_of(self, heard: Heard, stop: "StopKey | None") -> None:
        """On the relay the platform stops by itself, for a key as for speech, and says which key it
        was in a frame of its own that comes behind."""
        if self._leg.audio is not None or stop is None or not stop.keys:
            return
        if heard.outcome()[0] == "interrupted":
            await first_of(stop.taken, timeout=STRAGGLER_S)

    def _outcome(self, heard: Heard, stop: "StopKey | None") -> Outcome:
        reason, heard_s, certainty, text = heard.outcome()
        pressed = stop.pressed if stop is not None else ""
        return Outcome(
            "key" if pressed else reason,
            heard_s,
            certainty,
            text,
            pressed,
        )

    async def _heard(self, utterance: Utterance, stop: "StopKey | None" = None) -> Outcome:
        try:
            await self._leg.line.hearing(utterance)
        except asyncio.CancelledError:
            if not utterance.ending:
                self.interrupt()
            raise
        ending = utterance.ending
        assert ending is not None, "it was waited for"
        pressed = stop.pressed if stop is not None else ""
        return Outcome(
            "key" if pressed else ending.reason,
            ending.heard / self._leg.line.playout.sample_rate,
            ending.certainty,
            utterance.heard_text(),
            pressed,
        )


class StopKey:
    """Takes the first key of a set, and stops what is playing. With `keep` the key stays where
    keys wait, for who asks for it."""

    def __init__(self, stop_on: str, interrupt: Callable[[], None], *, keep: bool = False) -> None:
        self.pressed = ""
        self.keys = stop_on
        self.taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._interrupt = interrupt
        self._keep = keep

    def __call__(self, digit: keys.Digit) -> bool:
        if self.pressed or digit.digit not in self.keys:
            return False
        self.pressed = digit.digit
        self.taken.set_result(None)
        self._interrupt()
        return not self._keep


def is_sound(prompt: str) -> bool:
    """Whether a prompt names a sound rather than being a text to say."""
    return is_url(prompt) or prompt.lower().endswith(SOUND_FILES)
