"""What a leg is played by commands, speech and files alike: one sound after the other, and beside
it overlays, in a queue of their own.

Where the documents are silent this carrier does the following. Speech and playbacks share a queue:
`playback_stop` ends either. Every accepted command has its one end, and so has a sound that is
dropped before it was heard."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Literal

import msgspec

from callbridge.carrier.audio.playout import CarrierPlayout, Channel, Target
from callbridge.carrier.core.exchange import Exchange
from callbridge.carrier.core.leg import CarrierLeg
from callbridge.carrier.core.part import Part
from callbridge.carrier.parts.sounds import NoSound
from telecodecs import Pcm, silence

Which = Literal["current", "all"]

AHEAD = 4  # sounds that are asked for before it is their turn
MAX_QUEUED = 100  # on one leg; nobody waits so long


class SoundEnd(msgspec.Struct, frozen=True):
    status: Literal["completed", "cancelled", "call_hangup", "failed", "file_not_found"]
    why: str = ""


COMPLETED = SoundEnd("completed")
CANCELLED = SoundEnd("cancelled")
HUNG_UP = SoundEnd("call_hangup")


def nothing() -> None:
    """For sounds whose beginning nobody is told of."""


class QueuedSound(msgspec.Struct, eq=False, kw_only=True):
    """`ask` has the sound made or fetched; `times` None repeats it until it is stopped. It may
    begin before it is whole: `early` came of it before its turn, and `begun` samples were put."""

    ask: "Callable[[SoundReceiver], None]"
    ended: Callable[[SoundEnd], None]
    started: Callable[[], None] = nothing
    target: Target = "self"
    times: int | None = 1
    asked: bool = False
    pcm: Pcm | None = None
    early: list[Pcm] = msgspec.field(default_factory=list[Pcm])
    begun: int = 0


class SoundReceiver:
    """Who is told when a sound has come: an `OnSound`, and an `OnPiece` by `piece`."""

    def __init__(self, queue: "SoundQueue", sound: QueuedSound) -> None:
        self._queue, self._sound = queue, sound

    def __call__(self, came: Pcm | NoSound) -> None:
        self._queue.arrived(self._sound, came)

    def piece(self, pcm: Pcm) -> bool:
        return self._queue.grows(self._sound, pcm)


def teller(exchange: Exchange, leg: CarrierLeg, **fields: object) -> Callable[..., None]:
    """Emits the events of one sound: to where its command said, or to where a command says that
    ends it."""
    routing = leg.rerouted

    def tell(event_type: str, **more: object) -> None:
        with leg.rerouting(leg.rerouted or routing):
            exchange.emit(leg, event_type, **fields, **more)

    return tell


class SoundQueue:
    """In the order of the commands; a sound that is not there yet holds up the ones behind it."""

    def __init__(self, sample_rate: int) -> None:
        self.channel = Channel(CarrierPlayout(sample_rate), "self")
        self._waiting: deque[QueuedSound] = deque()
        self._current: QueuedSound | None = None
        self._left: int | None = 0  # repeats of the current sound

    @property
    def active(self) -> bool:
        return self._current is not None or bool(self._waiting)

    def __len__(self) -> int:
        return len(self._waiting) + (self._current is not None)

    def add(self, sound: QueuedSound) -> None:
        self._waiting.append(sound)
        self._look_ahead()

    def _look_ahead(self) -> None:
        for sound in list(self._waiting)[:AHEAD]:
            if not sound.asked:
                sound.asked = True
                sound.ask(SoundReceiver(self, sound))

    def arrived(self, sound: QueuedSound, came: Pcm | NoSound) -> None:
        """All of it; nothing happens for a sound that was dropped."""
        if sound is self._current:  # which has begun before it was whole
            sound.pcm = silence(0) if isinstance(came, NoSound) else came
            self.channel.playout.put(sound.pcm[sound.begun :])
        elif sound in self._waiting and isinstance(came, NoSound):
            self._waiting.remove(sound)
            sound.ended(SoundEnd(came.status, came.why))
            self._look_ahead()
        elif sound in self._waiting and not isinstance(came, NoSound):
            sound.pcm = came
            sound.early.clear()

    def grows(self, sound: QueuedSound, pcm: Pcm) -> bool:
        """The next of it. False for a sound that was dropped."""
        if sound is self._current:
            self._put_piece(sound, pcm)
        elif sound in self._waiting:
            sound.early.append(pcm)
        else:
            return False
        return True

    def _put_piece(self, sound: QueuedSound, pcm: Pcm) -> None:
        self.channel.playout.put(pcm)
        sound.begun += len(pcm)

    def step(self) -> None:
        """Begin a tick: end what has been heard to its end, start what is next."""
        playout = self.channel.playout
        playout.finish()
        current = self._current
        if current is not None and current.pcm is not None and playout.idle:
            if self._left is None or self._left > 0:
                self._repeat(current)
            else:
                self._current = None
                current.ended(COMPLETED)
        first = self._waiting[0] if self._waiting else None
        if self._current is None and first and (first.pcm is not None or first.early):
            self._current = begins = self._waiting.popleft()
            self.channel.target = begins.target
            self._left = begins.times
            self._repeat(begins)
            begins.started()
            self._look_ahead()

    def _repeat(self, sound: QueuedSound) -> None:
        if sound.pcm is not None:
            self.channel.playout.put(sound.pcm)
        for piece in sound.early:
            self._put_piece(sound, piece)
        sound.early.clear()
        if self._left is not None:
            self._left -= 1

    def stop(self, which: Which, end: SoundEnd) -> None:
        """Drop what sounds, or also what waits. `current` is what waits first if nothing sounds."""
        dropped = [self._current] if self._current is not None else []
        if which == "all":
            dropped += self._waiting
        elif not dropped and self._waiting:
            dropped.append(self._waiting[0])
        self._drop(dropped, end)

    def cancel(self, sound: QueuedSound) -> None:
        """Drop this one; nothing happens if it is over."""
        if sound is self._current or sound in self._waiting:
            self._drop([sound], CANCELLED)

    def _drop(self, dropped: list[QueuedSound], end: SoundEnd) -> None:
        if self._current is not None and self._current in dropped:
            self.channel.clear()
            self._current = None
        self._waiting = deque(sound for sound in self._waiting if sound not in dropped)
        for sound in dropped:
            sound.ended(end)
        self._look_ahead()


class LegSounds(Part):
    """All that commands play on one leg."""

    def __init__(self, leg: CarrierLeg) -> None:
        rate = leg.encoding.sample_rate
        self.queue, self.overlays = SoundQueue(rate), SoundQueue(rate)
        for each in self._queues():
            leg.play(each.channel)

    @property
    def doing(self) -> str:
        return "plays" if any(each.active for each in self._queues()) else ""

    @classmethod
    def of(cls, leg: CarrierLeg) -> "LegSounds":
        """They come with the first command that plays something."""
        sounds = leg.part(cls)
        if sounds is None:
            sounds = cls(leg)
            leg.add(sounds)
            sounds.routing = None  # each sound has its own
        return sounds

    def _queues(self) -> Iterator[SoundQueue]:
        yield self.queue
        yield self.overlays

    @property
    def is_full(self) -> bool:
        return len(self.queue) + len(self.overlays) >= MAX_QUEUED

    def begin_tick(self) -> None:
        for each in self._queues():
            if each.active:
                each.step()

    def leg_ended(self) -> None:
        for each in self._queues():
            each.stop("all", HUNG_UP)


class PlayOnAnswer(Part):
    """Has the leg play something as soon as it is answered."""

    def __init__(self, play: Callable[[], None]) -> None:
        self._play = play

    def leg_answered(self) -> None:
        self._play()
