"""What is played and spoken to a conference or to single participants, and hold audio."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

from callbridge.carrier.audio.playout import Target
from callbridge.carrier.core.exchange import Exchange
from callbridge.carrier.core.leg import CarrierLeg
from callbridge.carrier.parts.sound_queue import (
    CANCELLED,
    MAX_QUEUED,
    QueuedSound,
    SoundEnd,
    SoundQueue,
)
from callbridge.carrier.parts.sounds import (
    CarrierSounds,
    NoSound,
    OnSound,
    SoundFile,
    SpokenText,
)
from telecodecs import Pcm

Tell = Callable[[str, dict[str, object]], None]  # the rest of an event's name, and its fields
Ask = Callable[[OnSound], None]


class ConferencePlayer:
    """One sound after the other, each between its two webhooks. One that cannot be had only ends:
    the platform documents no event of a failure."""

    def __init__(self, sample_rate: int, tell: Tell, target: Target) -> None:
        self.sample_rate, self._tell = sample_rate, tell
        self._target: Target = target
        self._queue = SoundQueue(sample_rate)
        self.channel = self._queue.channel

    @property
    def is_full(self) -> bool:
        return len(self._queue) >= MAX_QUEUED

    def add(
        self,
        kind: Literal["playback", "speak"],
        ask: Ask,
        failed: Callable[[SoundEnd], None],
        *,
        times: int | None = 1,
        **fields: object,
    ) -> None:
        """`times` None repeats it until it is stopped; `failed` is told when it cannot be had."""

        def ended(end: SoundEnd) -> None:
            if end.why:
                failed(end)
            self._tell(f"{kind}.ended", fields)

        started = partial(self._tell, f"{kind}.started", fields)
        self._queue.add(
            QueuedSound(ask=ask, started=started, ended=ended, target=self._target, times=times)
        )

    def step(self) -> None:
        """Begin a tick: tell what has been heard to the end and what is next."""
        if self._queue.active:
            self._queue.step()

    def stop(self) -> None:
        """Drop what plays and what waits."""
        self._queue.stop("all", CANCELLED)


class HoldAudio:
    """One sound for somebody on hold, over and over. The platform tells nothing of it."""

    def __init__(self, leg: CarrierLeg, ask: Ask, failed: Callable[[SoundEnd], None]) -> None:
        self._leg, self._failed = leg, failed
        self._queue = SoundQueue(leg.encoding.sample_rate)
        leg.play(self._queue.channel)
        self._queue.add(QueuedSound(ask=ask, ended=self._ended, times=None))

    def _ended(self, end: SoundEnd) -> None:
        if end.why:
            self._failed(end)

    def step(self) -> None:
        if self._queue.active:
            self._queue.step()

    def end(self) -> None:
        self._queue.stop("all", CANCELLED)
        self._leg.silence(self._queue.channel)


class SharedSound:
    """A sound for several who play it at one sample rate: asked for once, when it is first their
    turn."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._asked = False
        self._came: Pcm | NoSound | None = None
        self._waiting: list[OnSound] = []

    def ask(self, then: OnSound) -> None:
        if self._came is not None:
            then(self._came)
            return
        self._waiting.append(then)
        if not self._asked:
            self._asked = True
            self._ask(self._arrived)

    def _arrived(self, came: Pcm | NoSound) -> None:
        self._came = came
        waiting, self._waiting = self._waiting, []
        for then in waiting:
            then(came)


class ConferenceSounds:
    """What conferences ask the shell for. `leg` is the one on whose tape it is noted when there is
    no such sound."""

    def __init__(self, exchange: Exchange, sounds: CarrierSounds) -> None:
        self._exchange, self._sounds = exchange, sounds

    def speak(self, leg: CarrierLeg, players: Sequence[ConferencePlayer], said: SpokenText) -> None:
        failed = partial(self._note, leg)
        sounds: dict[int, SharedSound] = {}
        for player in players:
            rate = player.sample_rate
            ask = partial(self._sounds.speak, self._exchange.new_uuid(), said, rate)
            player.add("speak", sounds.setdefault(rate, SharedSound(ask)).ask, failed)

    def play(
        self,
        leg: CarrierLeg,
        players: Sequence[ConferencePlayer],
        file: SoundFile,
        times: int | None,
    ) -> None:
        """`times` None repeats it until it is stopped."""
        failed = partial(self._note, leg)
        named = {"media_url": file.url, "media_name": file.media_name}
        fields = {name: value for name, value in named.items() if value}
        sounds: dict[int, SharedSound] = {}
        for player in players:
            sound = sounds.setdefault(player.sample_rate, self._file(file, player.sample_rate))
            player.add("playback", sound.ask, failed, times=times, **fields)

    def hold(self, leg: CarrierLeg, file: SoundFile) -> HoldAudio:
        ask = self._file(file, leg.encoding.sample_rate).ask
        return HoldAudio(leg, ask, partial(self._note, leg))

    def _file(self, file: SoundFile, sample_rate: int) -> SharedSound:
        sound_id = self._exchange.new_uuid()
        return SharedSound(partial(self._sounds.fetch, sound_id, file, sample_rate))

    def _note(self, leg: CarrierLeg, end: SoundEnd) -> None:
        self._exchange.note(leg, "sound failed", why=end.why)
