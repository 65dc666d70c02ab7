"""What is played and spoken to a conference or to single participants, and hold audio."""

from collections.abc import Callable, Sequence
from typing import Literal, Protocol, TypeVar

import msgspec

from callbridge.carrier.audio.playout import Target
from callbridge.carrier.core.effects import FetchSound, Synthesise
from callbridge.carrier.core.exchange import Exchange
from callbridge.carrier.core.leg import CarrierLeg
from callbridge.carrier.parts.speak import CarrierUtterance, SpeechQueue
from telecodecs import Pcm

MAX_SOUNDS = 100  # that wait in one queue: nobody waits for more
Tell = Callable[[str, dict[str, object]], None]  # the rest of an event's name, and its fields


class ConferenceSound(msgspec.Struct, frozen=True):
    kind: Literal["playback", "speak"]
    media_url: str | None = None

    def fields(self) -> dict[str, object]:
        return {} if self.media_url is None else {"media_url": self.media_url}


class Player(Protocol):
    """Whoever waits for a sound."""

    @property
    def sample_rate(self) -> int: ...

    def sounded(self, sound_id: str, pcm: Pcm | None) -> None:
        """None when there is no such sound."""
        ...


P = TypeVar("P", bound=Player)


class SoundQueue:
    """One sound after the other, each between its two webhooks. One that cannot be had only ends:
    the platform documents no event of a failure."""

    def __init__(self, sample_rate: int, tell: Tell, target: Target) -> None:
        self.sample_rate, self._tell = sample_rate, tell
        self._target: Target = target
        self._queue = SpeechQueue(sample_rate)
        self.channel = self._queue.channel
        self._sounds: dict[str, ConferenceSound] = {}  # that have not ended

    @property
    def is_full(self) -> bool:
        return len(self._sounds) >= MAX_SOUNDS

    def add(self, sound_id: str, sound: ConferenceSound, times: int | None) -> None:
        """`times` None repeats it until it is stopped."""
        self._sounds[sound_id] = sound
        self._queue.add(CarrierUtterance(sound_id, self._target, times))

    def sounded(self, sound_id: str, pcm: Pcm | None) -> None:
        if sound_id not in self._sounds:  # stopped meanwhile
            return
        if pcm is None:
            self._queue.drop(sound_id)
            self._ended(sound_id)
        else:
            self._queue.synthesised(sound_id, pcm)

    def step(self) -> None:
        """Begin a tick: tell what has been heard to the end and what is next."""
        for progress in self._queue.step() if self._queue.active else ():
            if progress.event == "started":
                sound = self._sounds[progress.speak_id]
                self._tell(f"{sound.kind}.started", sound.fields())
            else:
                self._ended(progress.speak_id)

    def stop(self) -> None:
        """Drop what plays and what waits."""
        self._queue.stop("all")
        for sound_id in list(self._sounds):
            self._ended(sound_id)

    def _ended(self, sound_id: str) -> None:
        sound = self._sounds.pop(sound_id)
        self._tell(f"{sound.kind}.ended", sound.fields())


class HoldAudio:
    """One sound for somebody on hold, over and over. The platform tells nothing of it."""

    def __init__(self, leg: CarrierLeg) -> None:
        self._leg = leg
        self.sample_rate = leg.encoding.sample_rate
        self._queue = SpeechQueue(self.sample_rate)
        leg.play(self._queue.channel)

    def add(self, sound_id: str) -> None:
        self._queue.stop("all")
        self._queue.add(CarrierUtterance(sound_id, "self", None))

    def sounded(self, sound_id: str, pcm: Pcm | None) -> None:
        if pcm is None:
            self._queue.drop(sound_id)
        else:
            self._queue.synthesised(sound_id, pcm)

    def step(self) -> None:
        if self._queue.active:
            self._queue.step()

    def end(self) -> None:
        self._queue.stop("all")
        self._leg.silence(self._queue.channel)


class SoundOrders:
    """What all conferences have asked the shell for, and who waits for it."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._waiting: dict[str, tuple[CarrierLeg, Sequence[Player]]] = {}

    def speak(
        self, leg: CarrierLeg, queues: Sequence[SoundQueue], text: str, *, ssml: bool
    ) -> None:
        """`leg` is the one on whose tape it is noted when there is no voice after all."""
        for rate, of_that_rate in by_rate(queues).items():
            sound_id = self._order(leg, of_that_rate)
            for queue in of_that_rate:
                queue.add(sound_id, ConferenceSound("speak"), 1)
            self._exchange.wish(Synthesise(sound_id, text, rate, ssml))

    def play(
        self, leg: CarrierLeg, queues: Sequence[SoundQueue], url: str, times: int | None
    ) -> None:
        """`leg` is the one on whose tape it is noted when there is no such sound."""
        for rate, of_that_rate in by_rate(queues).items():
            sound_id = self._order(leg, of_that_rate)
            for queue in of_that_rate:
                queue.add(sound_id, ConferenceSound("playback", url), times)
            self._exchange.wish(FetchSound(sound_id, url, rate))

    def hold(self, leg: CarrierLeg, audio: HoldAudio, url: str) -> None:
        sound_id = self._order(leg, [audio])
        audio.add(sound_id)
        self._exchange.wish(FetchSound(sound_id, url, audio.sample_rate))

    def _order(self, leg: CarrierLeg, players: Sequence[Player]) -> str:
        sound_id = self._exchange.new_uuid()
        self._waiting[sound_id] = leg, players
        return sound_id

    def sounded(self, sound_id: str, pcm: Pcm | None, why: str = "") -> None:
        """The shell's answer; None with the reason when there is no such sound."""
        leg, players = self._waiting.pop(sound_id, (None, ()))
        if leg is not None and pcm is None:
            self._exchange.note(leg, "sound failed", why=why or "no voice")
        for player in players:
            player.sounded(sound_id, pcm)


def by_rate(players: Sequence[P]) -> dict[int, list[P]]:
    """What many play is fetched once for each sample rate."""
    grouped: dict[int, list[P]] = {}
    for player in players:
        grouped.setdefault(player.sample_rate, []).append(player)
    return grouped
