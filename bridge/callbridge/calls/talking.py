"""Hearing and speaking on a call: frames, sounds, texts, turns and keys.

The half of `Call` that would be the same on any line; `call.py` has the platform's, `playing.py`
what both stand on."""

import asyncio
import re
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np

from callbridge.calls import keys
from callbridge.calls.keys import Taker
from callbridge.calls.leg import Leg
from callbridge.calls.live import LiveSide
from callbridge.calls.playing import INT16, STRAGGLER_S, Playing, StopKey, is_sound
from callbridge.errors import CallEnded
from callbridge.host.download import Download
from callbridge.outcomes import Gathered, Outcome
from callbridge.speech.expecting import Expect, Expecting, expecting
from callbridge.tape.waterfall import Waterfall
from callbridge.timing.jobs import Jobs
from callbridge.timing.signal import changed
from callbridge.voice.relay_voice import RelayVoice
from callbridge.voice.turn import HistoryItem, Message, Turn
from callbridge.voice.voice import Voice
from telecodecs import Pcm

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")  # BCP 47, as far as speech goes


class Talking(Playing):
    """What a bot hears and says on a call."""

    def __init__(self, leg: Leg, jobs: Jobs, download: Download) -> None:
        super().__init__(leg, jobs, download)
        self._unanswered: Waterfall | None = None  # of the turn that the bot has taken last

    @property
    def speaking(self) -> bool:
        """Whether the caller has something yet to hear."""
        return self._leg.voice.speaking

    @property
    def queued_s(self) -> float:
        """Seconds of audio that wait here, as the carrier has its lead already.

        Above 0 after a stall: a bot that passes live audio on may leave some out to catch up."""
        return self._leg.line.playout.queued_s()

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

    @property
    def live(self) -> LiveSide:
        """For a model that hears and speaks itself: encoded audio, to the heard sample. Raises
        VoiceCannot on the relay."""
        return LiveSide(self._leg)

    async def mark(self, name: str = "") -> Outcome:
        """End what was written so far as one utterance, and wait until it was heard or cut."""
        self._check()
        live = self._audio().close_live()
        if live is None:
            return Outcome("finished", 0.0, "measured")
        live.name = name
        return await self._heard(live)

    # ---- outcomes ---------------------------------------------------------------------------

    async def gather(
        self,
        digits: int = 1,
        *,
        end_on: str = "#",
        timeout: float = 10.0,
        between: float = 5.0,
        prompt: Pcm | str | Path | None = None,
        speech: bool = False,
        expect: Expect | None = None,
    ) -> Gathered:
        """Collect keys: so many `digits`, or fewer and a key of `end_on`.

        Waits `timeout` seconds for the first and `between` for each further one. Keys pressed
        before count, those over the prompt as well.

        A `prompt` is said if it is a text, and played if it is samples, a URL, a Path, or a text
        that ends like the name of a sound file; the first key cuts it. With `speech`, what the
        caller says instead ends it too and is the `text`; the first key closes the ear. `expect` is
        what they will say, as of `listen`."""
        with self._leg.voice.turns.expected(expecting(expect) if expect else None):
            return await self._gather(digits, end_on, timeout, between, prompt, speech=speech)

    async def first_key(self, prompt: Pcm | str | Path | None, *, timeout: float) -> str:
        """The first key to arrive, over the prompt or so many seconds after it; empty for none.

        Where one key says all, nobody waits for another one that it may have overtaken: who has
        pressed it is connected at once."""
        entry = await self._gather(1, "", timeout, 0.0, prompt, settles_s=0.0)
        return entry.digits

    async def _gather(
        self,
        digits: int,
        end_on: str,
        timeout: float,
        between: float,
        prompt: Pcm | str | Path | None,
        *,
        speech: bool = False,
        settles_s: float = STRAGGLER_S,
    ) -> Gathered:
        await self._after_text()
        leg = self._leg
        if speech:
            leg.voice.attend()  # it hears what is said over the prompt, too
        with leg.voice.turns.question():
            if prompt is not None and not len(leg.keys):
                await self._prompt(prompt, interruptible=speech)
            stopped = await self._collect(digits, end_on, timeout, between, speech=speech)
            if stopped is not None:
                return stopped
            if settles_s:
                await asyncio.sleep(settles_s)
            entry = leg.keys.entry(digits, end_on, leg.clock.now())
            assert entry is not None, "keys are only ever added"
            return entry

    async def _prompt(self, prompt: Pcm | str | Path, *, interruptible: bool) -> None:
        """Play or say it until the first key, which stays where it is."""
        voice = self._leg.voice
        voice.turns.clear()
        with self._leg.keys.offered_to(StopKey(keys.ALL, self.interrupt, keep=True)):
            if isinstance(prompt, str) and not is_sound(prompt):
                voice.turns.expect(None)
                await voice.say(prompt, interruptible=interruptible)
                return
            if isinstance(voice, RelayVoice):
                url, seconds = await self._sound_there(prompt)
                if not len(self._leg.keys):
                    await voice.play_url(url, seconds, preemptible=True)
                return
            if isinstance(prompt, np.ndarray):
                audio = self._audio()
                await self._heard(audio.play(prompt, "prompt", interruptible=interruptible))
                return
            async with self._sound(prompt) as blocks:
                if not len(self._leg.keys):
                    await self._play_sound(blocks, "prompt", interruptible=interruptible)

    async def _collect(
        self, digits: int, end_on: str, timeout: float, between: float, *, speech: bool
    ) -> Gathered | None:
        """Wait until there is an entry, which is left where it is; or what has come instead."""
        leg, pad, turns = self._leg, self._leg.keys, self._leg.voice.turns
        deadline = leg.clock.now() + timeout
        seen = 0
        while not pad.has_entry(digits, end_on):
            if speech and not len(pad) and (text := turns.spoken()):
                said = turns.latest
                self._unanswered = said.waterfall if said else None
                return Gathered("", "speech", text, said.digits if said else "")
            if len(pad) > seen:
                seen, deadline = len(pad), leg.clock.now() + between
            left = deadline - leg.clock.now()
            heeding = speech and not len(pad) and leg.voice.busy
            if left <= 0 and not heeding:
                return Gathered(pad.take_all(), "timeout")
            await changed(pad.changed, turns.changed, timeout=None if heeding else left)
            self._check()
        return None

    # ---- speech -----------------------------------------------------------------------------

    async def say(
        self,
        text: str | AsyncIterable[str],
        *,
        interruptible: bool = True,
        stop_on: str = "",
        expect: Expect | None = None,
    ) -> Outcome:
        """Say a text with the bot's own voice, sentence by sentence as it comes.

        Returns when it was heard to the end or cut: by speech over it, unless it is not
        `interruptible`, or by a key of `stop_on`. `text` of the outcome is what was heard, cut at
        the word. It answers the turn that was listened to last: that one's waterfall is measured.
        `expect` is what it asks for, as of `listen`, until something else is said. Raises
        SpeechFailed."""
        expected = expecting(expect) if expect else None
        await self._after_text()
        self._leg.voice.turns.clear()  # what `listen` returns came since
        stop = StopKey(stop_on, self.interrupt)
        with self._leg.keys.offered_to(stop):
            return await self._say(text, interruptible, self._unanswered, stop, expected)

    async def answer(self, turn: Turn, text: str | AsyncIterable[str]) -> Outcome:
        """`say`, as the reply to a certain turn."""
        return await self._say(text, True, turn.waterfall, None)

    async def _say(
        self,
        text: str | AsyncIterable[str],
        interruptible: bool,
        answers: Waterfall | None,
        stop: "StopKey | None",
        expected: Expecting | None = None,
    ) -> Outcome:
        self._check()
        self._leg.voice.turns.expect(expected)
        self._unanswered = None
        if answers is not None and answers.answered:
            answers = None  # what is said after the first answer waits for nobody
        heard = await self._leg.voice.say(text, interruptible=interruptible, answers=answers)
        await self._key_of(heard, stop)
        return self._outcome(heard, stop)

    async def listen(self, timeout: float = 10.0, *, expect: Expect | None = None) -> Turn:
        """The oldest turn since the last `say` began, the one that interrupted it included.

        Waits for one, and for its end if the caller is speaking. An empty turn (false) after
        `timeout` seconds without speech.

        `expect` is what the caller was asked for: "yes_no", "digits", `digits(8)`, `digits(4, 6)`,
        `choice("sales", "support")`, "name", "spelling" or "anything"; else it is guessed from
        what was said last. It says when a turn is over: eight digits are, five of eight are not.
        On the relay the platform ends the turns, and does not ask. Raises ValueError for another
        word."""
        expected = expecting(expect) if expect else None
        await self._after_text(heard=False)
        now, turns = self._leg.clock.now, self._leg.voice.turns
        with turns.question(), turns.expected(expected):
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

        On the relay these are the platform's interim prompts, if its recogniser has any; on media
        they are those of a recogniser that streams: the offline one tells nothing before a
        pause."""
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
        for given in filter(None, (code, speak, hear)):
            if not _LANGUAGE.fullmatch(given):
                raise ValueError(f"{given!r} is no code of a language, such as 'de' or 'pt-BR'")
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
    def history_items(self) -> list[HistoryItem]:
        """The same, one by one as it was said, with what of the bot's words was cut off."""
        return self._leg.voice.history_items

    @property
    def voice(self) -> Voice:
        """How the call hears and speaks, for bots that take turns themselves."""
        return self._leg.voice

    def keys_to(self, taker: Taker) -> AbstractContextManager[None]:
        """In the block, keys go to `taker` first; it returns whether it used the key up."""
        return self._leg.keys.offered_to(taker)
