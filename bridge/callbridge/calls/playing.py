"""Sounds on a call: played as speech is, or behind it, or while somebody holds.

What all that is heard has in common is here, too; `talking.py` has the texts, turns and keys."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import numpy as np

from callbridge.calls import keys
from callbridge.calls.leg import Leg
from callbridge.calls.phase import Phase
from callbridge.errors import CallEnded, CallReleased, StreamLost, VoiceCannot
from callbridge.host.audiofile import AudioSource, length_s, load, streamed
from callbridge.host.download import Download, is_url, whole
from callbridge.media.background import BackgroundSound
from callbridge.media.utterance import Utterance
from callbridge.outcomes import Outcome
from callbridge.timing.clock import first_of
from callbridge.timing.jobs import Jobs
from callbridge.voice.audio_voice import AudioVoice
from callbridge.voice.relay_voice import RelayVoice
from callbridge.voice.source import saying_now
from callbridge.voice.voice import Heard
from telecodecs import Pcm, resample_round
from telecodecs.tones import HOLD_S, hold_music

INT16 = np.dtype(np.int16)
STRAGGLER_S = 0.150  # keys can overtake each other: so long after its end one looks once more
SOUND_FILES = (
    *(".wav", ".mp3", ".ogg", ".oga", ".opus", ".flac", ".aif", ".aiff", ".au", ".caf"),
    *(".m4a", ".aac", ".webm", ".weba", ".amr"),
)
ENDLESS = float("inf")
HOLD_DUCK_DB = -12.0
TUNES: dict[int, Pcm] = {}  # hold music that is made, by its samples per second


class Playing:
    """What a bot plays on a call."""

    def __init__(self, leg: Leg, jobs: Jobs, download: Download) -> None:
        self._leg = leg
        self._jobs = jobs
        self._download = download

    @property
    def sample_rate(self) -> int:
        """Samples per second of all audio here, both ways, whatever the wire carries."""
        return self._leg.line.plan.sample_rate

    def interrupt(self) -> None:
        """Stop speaking at once. What waits for its audio to be heard returns."""
        self._leg.voice.interrupt()

    async def play(
        self,
        source: Pcm | AudioSource,
        *,
        name: str = "",
        stop_on: str = "",
        loop: bool | int = False,
    ) -> Outcome:
        """Play samples, a file, its bytes or a URL; returns when it was heard to the end, or cut.

        WAV always; mp3, ogg and flac with the extra `audio`, m4a and more with `hd`. It begins as
        soon as its first samples are there (docs/sounds.md). On the relay the platform plays it,
        and from a URL alone; we fetch it, too, to know how long it lasts.

        With `loop` it goes round without a gap: so many times, or with True until it is stopped,
        until anything else is to be heard, or until the bot hangs up; `heard_s` is all of it. The
        platform of a relay takes a number of times.

        `stop_on` names keys that stop it: `stop_on="0123456789*#"`, and the one pressed is in the
        outcome. Cancelling the wait stops the sound too. Raises AudioFileError."""
        times = _times(loop)
        await self._after_text()
        stop = StopKey(stop_on, self.interrupt)
        if isinstance(voice := self._leg.voice, RelayVoice):
            if times == ENDLESS:
                raise VoiceCannot(
                    "Conversation Relay plays a sound a number of times and cannot be told to stop:"
                    " give `loop` as a number, or use the voice 'media'"
                )
            with self._leg.keys.offered_to(stop):
                url, seconds = await self._sound_there(source)
                heard = await voice.play_url(
                    url, seconds, times=int(times), preemptible=bool(stop_on)
                )
                await self._key_of(heard, stop)
            return self._outcome(heard, stop)
        title = name or (source if isinstance(source, str) else "")
        if times != 1:
            return await self._play_round(source, title, times, stop)
        if isinstance(source, np.ndarray):
            utterance = self._audio().play(source, title)
            with self._leg.keys.offered_to(stop):
                return await self._heard(utterance, stop)
        async with self._sound(source) as blocks:
            with self._leg.keys.offered_to(stop):
                return await self._play_sound(blocks, title, stop)

    @asynccontextmanager
    async def _sound(self, source: AudioSource) -> AsyncGenerator[AsyncIterator[Pcm]]:
        """A file while it is read, at the rate of the wire. Raises AudioFileError."""
        rate = self._leg.line.plan.tx_rate
        async with streamed(source, rate, jobs=self._jobs, download=self._download) as blocks:
            self._check()
            yield blocks

    async def _play_sound(
        self,
        blocks: AsyncIterator[Pcm],
        name: str,
        stop: "StopKey | None" = None,
        *,
        interruptible: bool = True,
    ) -> Outcome:
        audio = self._audio()
        utterance = audio.begin(name, interruptible=interruptible)
        async with asyncio.TaskGroup() as group:
            feeding = group.create_task(audio.feed(utterance, blocks))
            outcome = await self._heard(utterance, stop)
            feeding.cancel()
        return outcome

    async def _play_round(
        self, source: Pcm | AudioSource, name: str, times: float, stop: "StopKey"
    ) -> Outcome:
        """Over and over; at least one sample long."""
        pcm = await self._load_round(source)
        self._check()
        audio = self._audio()
        utterance = audio.begin_repeated(name, endless=times == ENDLESS)
        with self._leg.keys.offered_to(stop):
            try:
                await audio.repeat(utterance, pcm, times)
            except asyncio.CancelledError:
                if not utterance.ending:
                    self.interrupt()
                raise
            return await self._heard(utterance, stop)

    async def _sound_there(self, source: Pcm | AudioSource | None) -> tuple[str, float]:
        """What the platform is to play: its URL and how long it lasts, s."""
        if not isinstance(source, str) or not is_url(source):
            raise VoiceCannot(
                "Conversation Relay plays what has a URL: samples and files need the voice 'media'"
            )
        data = await whole(self._download(source))
        seconds = await self._jobs.run(lambda: length_s(data, source))
        self._check()
        return source, seconds

    # ---- behind what is said ----------------------------------------------------------------

    @asynccontextmanager
    async def background(
        self, source: Pcm | AudioSource, *, gain_db: float = -10.0, duck_db: float = -12.0
    ) -> AsyncGenerator[None]:
        """In the block the caller hears a sound over and over, under all that is said.

            async with call.background("office.wav", gain_db=-20):
                await call.say("One moment, I am looking it up.")

        The sound is changed by `gain_db` decibels, and by `duck_db` more while the bot speaks. It
        is nothing that the bot says: nobody waits for its end, `interrupt` and `speaking` do not
        mean it, and what is said begins 60 ms later at most. It begins at once, and fades where the
        block ends. In a block inside of another one the inner sound takes the place of the outer.

        Raises AudioFileError, and VoiceCannot on the relay."""
        self._check()
        if self._leg.audio is None:
            raise VoiceCannot(
                "Conversation Relay mixes no sounds: a background needs the voice 'media'"
            )
        sound = BackgroundSound(await self._load_round(source), gain_db, duck_db)
        self._check()
        line = self._leg.line
        line.begin_background(sound)
        try:
            yield
        finally:
            line.end_background(sound)

    @asynccontextmanager
    async def hold(
        self, music: Pcm | AudioSource | None = None, *, gain_db: float = 0.0
    ) -> AsyncGenerator[None]:
        """In the block the caller holds: they hear music, and what they say is said to nobody.

        Keys still work, and what the bot says is heard over the music, which is a background; by
        default a quiet tune of ours. On the relay it is ours or what a URL has, and goes on behind
        the block until the bot says something. Raises AudioFileError, VoiceCannot on the relay."""
        await self._after_text()
        voice = self._leg.voice
        if isinstance(voice, RelayVoice):
            url, seconds = self._leg.hold_url, HOLD_S
            if music is not None:
                url, seconds = await self._sound_there(music)
            with voice.turns.hold():
                voice.hold(url, seconds)
                yield
            return
        pcm = await (self._hold_music() if music is None else self._load_round(music))
        sound = BackgroundSound(pcm, gain_db, HOLD_DUCK_DB)
        self._check()
        line = self._leg.line
        with voice.turns.hold():
            line.begin_background(sound)
            try:
                yield
            finally:
                line.end_background(sound)

    @asynccontextmanager
    async def unheard(self) -> AsyncGenerator[None]:
        """In the block nobody listens to the caller, as when they talk to the others of a
        conference: what they say is no turn, interrupts nothing, and is neither understood nor
        logged. Keys still work."""
        await self._after_text()
        with self._leg.voice.turns.hold():
            yield

    async def _hold_music(self) -> Pcm:
        """Made once in a thread, for 30 ms; from then on nobody waits for a thread's turn."""
        rate = self._leg.line.plan.tx_rate
        if rate not in TUNES:
            TUNES[rate] = await self._jobs.run(partial(hold_music, rate))
        return TUNES[rate]

    # ---- inside -----------------------------------------------------------------------------

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

    async def _load(self, source: AudioSource) -> Pcm:
        """All of it, at the rate of the call."""
        name = "" if isinstance(source, bytes) else str(source)
        data = await whole(self._download(name)) if is_url(name) else source
        return await self._jobs.run(lambda: load(data, self.sample_rate, name))

    async def _load_round(self, source: Pcm | AudioSource) -> Pcm:
        """At the rate of the wire, so that its end fits its beginning."""
        rate = self._leg.line.plan.tx_rate
        if not isinstance(source, np.ndarray):
            name = "" if isinstance(source, bytes) else str(source)
            data = await whole(self._download(name)) if is_url(name) else source
            return await self._jobs.run(lambda: load(data, rate, name, repeated=True))
        if source.dtype != INT16 or source.ndim != 1 or not len(source):
            what = f"{source.shape} {source.dtype}"
            raise TypeError(f"what goes round is (n,) int16 and not empty, not {what}")
        return resample_round(source, self.sample_rate, rate)

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


def _times(loop: bool | int) -> float:
    """How often a sound is played. Raises ValueError."""
    if isinstance(loop, bool):
        return ENDLESS if loop else 1
    if loop < 1:
        raise ValueError(f"loop is how often a sound is played, at least 1, and not {loop}")
    return loop
